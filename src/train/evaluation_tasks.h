// The tasks of [[evaluation.tasks]]: read before the first step, scored during the run. The same
// questions and scores as those of `superpose eval` on a checkpoint.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distributed/collective.h"
#include "eval/evaluation_config.h"
#include "metrics/task_records.h"
#include "model/decoder.h"
#include "tasks/evaluate.h"
#include "tasks/task_items.h"
#include "tokenizer/model_folder.h"
#include "util/json_fields.h"

namespace superpose::train {

// A task as a whole, or one of its groups, as records have it.
struct ScoredPart {
  std::string name;         // "mmlu", "mmlu/stem"
  std::string fingerprint;  // of the questions
  util::NumberPairs chance;
};

struct EvaluationTask {
  tasks::LoadedTask task;
  tasks::TaskRequests asked;
  std::int64_t every = 0;    // steps between scores; 0: only at the end
  std::int64_t longest = 0;  // tokens that the model reads at once
  // The task, then its groups (tasks::groups_of).
  std::vector<ScoredPart> parts = {};
  std::int64_t positions = 0;  // computed for one score, all ranks together

  const std::string& name() const { return task.config.name; }
};

// The choices with relative paths as they lead from the current folder, by the rule of
// corpus::locate. Throws util::Error as that does.
std::vector<eval::TaskChoice> locate_tasks(std::vector<eval::TaskChoice> choices,
                                           const std::string& recipe_folder);

// Their questions as texts. Throws util::Error that begins with the key of the recipe: data that is
// not there or cannot be read, two tasks of one name.
std::vector<tasks::LoadedTask> load_tasks(const std::vector<eval::TaskChoice>& choices);

// What load_tasks returned for the same choices, with the tokenizer of the run's checkpoints; its
// longest_text is as much as `superpose eval` reads of them at once. Every rank calls it. Throws
// util::Error that begins with the key: a continuation longer than the model reads, ranks that
// found different data, a tokenizer with ids that the model lacks. `shares_prefixes`: as
// eval::count_positions has it.
std::vector<EvaluationTask> encode_tasks(const std::vector<eval::TaskChoice>& choices,
                                         std::vector<tasks::LoadedTask> loaded,
                                         const tokenizer::ModelFolder& tokenizer,
                                         std::int64_t vocabulary_size, bool shares_prefixes,
                                         distributed::Collective& collective);

// Name, items, scores, errors and chance of a record for each of the task's parts, in their order.
// Ranks share the work; the scores have the same bits for any number of them. Throws util::Error
// for scores that are not finite.
std::vector<metrics::TaskRecord> score_task(const EvaluationTask& task,
                                            const model::Decoder& decoder,
                                            distributed::Collective& collective);

}  // namespace superpose::train
