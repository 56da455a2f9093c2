#include "eval/evaluation_config.h"

#include "tasks/task_config.h"
#include "util/utf8.h"

namespace superpose::eval {

void TaskChoice::validate() const {
  util::require(!name.empty(), "name: must name a task, got an empty text");
  const bool is_file = !tasks::path_of_task(name).empty();
  if (!is_file) tasks::find_task(name, "name");
  util::require(is_file || !data.empty(), "data: must name the folder of the data set of ", name,
                ", got an empty text");
  util::require(every >= 0, "every: must be >= 0, got ", every);
  util::require(samples >= 0, "samples: must be >= 0, got ", samples);
}

void EvaluationConfig::check_samples() const {
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    util::require(util::first_invalid_utf8(prompts[i]) == prompts[i].size(),
                  "evaluation.prompts: must be UTF-8, got another text at index ", i);
  }
  util::require(sample_tokens >= 1, "evaluation.sample_tokens: must be >= 1, got ", sample_tokens);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      util::require(tasks[i].name != tasks[j].name, "evaluation.tasks[", i,
                    "].name: must be unlike the other tasks', got \"", tasks[i].name, "\" twice");
    }
  }
}

}  // namespace superpose::eval
