// Measures of a task: what each item's log-likelihoods say, and their means with standard errors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tasks/score_requests.h"
#include "tasks/task_config.h"
#include "tasks/task_items.h"
#include "util/json.h"

namespace superpose::tasks {

struct ItemScore {
  std::int64_t index = 0;
  std::string group;
  std::vector<Score> scores;  // one per choice; of a cloze task a single one
  std::size_t answer = 0;     // of the scores; 0 for cloze
  // Choices: the likeliest is the answer, the first of equals. Cloze: is_greedy.
  bool acc = false;
  // Of kind choices, the same by log-likelihood per character and per UTF-8 byte of the choice.
  std::optional<bool> acc_norm;
  std::optional<bool> acc_bytes;
  std::int64_t answer_bytes = 0;  // UTF-8 bytes of the right continuation, with its delimiter

  double answer_log_likelihood() const { return scores[answer].log_likelihood; }
};

// `scores` are those of the item's pairs.
ItemScore score_item(const TaskConfig& task, const Item& item, std::span<const Score> scores);

// A row of --records, without the model's name.
util::Json to_record(const std::string& task, const ItemScore& item);

struct Estimate {
  double value = 0;
  std::optional<double> error;  // standard error over items; none of a single item
};

// Mean over values, with sample standard deviation / sqrt(n).
Estimate mean_of(std::span<const double> values);
// Sum of `parts` / sum of `sizes`, with the ratio estimator's error.
Estimate ratio_of(std::span<const double> parts, std::span<const double> sizes);
// The error of a mean over several parts, each with its own mean, weighted by size: pooled as
// lm-eval has it. Nothing where a part has a single item.
std::optional<double> pooled_error(std::span<const Estimate> parts,
                                   std::span<const std::int64_t> sizes);

// A task, or a group of its items.
//
//   acc, acc_norm, acc_bytes   shares of the items; the last two of kind choices
//   log_likelihood             mean of the right answers', nats
//   bits_per_byte              of the right answers: all their bits / all their bytes
//   perplexity                 cloze: exp(-log_likelihood), per item
struct TaskScore {
  std::string name;  // "mmlu", "mmlu/stem", "mmlu/anatomy"
  std::int64_t items = 0;
  std::vector<std::pair<std::string, Estimate>> metrics;  // the task's own first
  bool is_detail = false;  // a single value of group_by, of a task that has named groups

  const Estimate* find(const std::string& metric) const;
};

// All items together, then the task's named groups, then each value of group_by.
std::vector<TaskScore> summarize(const TaskConfig& task, std::span<const ItemScore> items);

}  // namespace superpose::tasks
