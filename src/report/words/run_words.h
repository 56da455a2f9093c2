// A run by itself in words: the page of a run that is compared with nothing.
#pragma once

#include "report/analysis.h"
#include "report/words/words.h"

namespace superpose::report {

// The run of an analysis that holds one arm with one run (experiment_of_run); null for any other.
const Run* only_run(const Analysis& analysis);

// Where it stands, what it read and what it cost. Of a run that has not ended, so far.
Words run_in_words(const Analysis& analysis, const Run& run);

}  // namespace superpose::report
