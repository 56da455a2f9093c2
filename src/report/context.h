// What models make of their context: the probe of copying and the losses by position, in numbers
// and words.
#pragma once

#include <string>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

// What an arm's finished runs at budget 1 make of their context, from the probe of copying in their
// validations and the losses by position in their final scores (of the primary set).
ContextUse context_use(const Analysis& analysis, const std::string& arm);

// Whether a run did not copy from its context at its last check before the decay. False where the
// records do not say.
bool was_late(const SeedCopying& seed);

// "tst uses its context: from step 9,000 on ..."; "" where the records say nothing of it. `name` is
// what the sentence is about.
std::string context_sentence(const std::string& name, const ContextUse& use);

// A warning that names the runs that were late, by arm and seed; "" where none was.
std::string late_warning(const std::vector<ArmSummary>& arms);

}  // namespace superpose::report
