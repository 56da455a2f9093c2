// What runs scored on evaluation tasks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

// Of every task that a finished run at budget 1 scored at its end; of a run by itself, finished or
// not, the last scores. The questions are those of the first run that asked any.
std::vector<TaskSummary> summarize_tasks(const Analysis& analysis);

// Names in the notes the runs that asked other questions than `analysis.tasks` under the same name.
void note_other_questions(Analysis& analysis);

// The records of a task in a run, by step, as far as they ask these questions.
std::vector<const metrics::TaskRecord*> records_of_task(const Run& run, const TaskSummary& task);

// Whether a model is better the lower this score is.
bool is_better_lower(std::string_view score);

// "bits per byte of the right answer", "accuracy"; a score without a word for it as it is called.
std::string score_words(const std::string& score);

// "On hellaswag the right answers cost tst 1.0000 bits per byte ...": against the baseline, with
// chance; "" where nothing is to say.
std::string tasks_sentence(const Analysis& analysis, const std::string& arm);

// The same of a run by itself.
std::string tasks_sentence(const Analysis& analysis);

}  // namespace superpose::report
