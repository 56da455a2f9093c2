#include "tasks/item_scores.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numbers>
#include <numeric>

#include "tasks/python_text.h"

namespace superpose::tasks {
namespace {

// Index of the largest value, the first of equals.
std::size_t best_of(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

template <class Value>
std::vector<double> collect(std::span<const ItemScore* const> items, const Value& value) {
  std::vector<double> values;
  values.reserve(items.size());
  for (const ItemScore* item : items) values.push_back(static_cast<double>(value(*item)));
  return values;
}

struct MetricValues {
  const char* name;
  std::vector<double> values;
};

// What is averaged over items.
std::vector<MetricValues> averaged(const TaskConfig& task,
                                   std::span<const ItemScore* const> items) {
  std::vector<MetricValues> metrics;
  metrics.push_back({"acc", collect(items, [](const ItemScore& item) { return item.acc; })});
  if (task.kind == TaskKind::kChoices) {
    metrics.push_back(
        {"acc_norm", collect(items, [](const ItemScore& item) { return *item.acc_norm; })});
    metrics.push_back(
        {"acc_bytes", collect(items, [](const ItemScore& item) { return *item.acc_bytes; })});
  }
  metrics.push_back({"log_likelihood", collect(items, [](const ItemScore& item) {
                       return item.answer_log_likelihood();
                     })});
  return metrics;
}

using Groups = std::map<std::string, std::vector<const ItemScore*>>;

// Of a mean over items that come from several groups.
Estimate pooled_mean(std::span<const double> values, std::span<const ItemScore* const> items) {
  Estimate estimate = mean_of(values);
  std::map<std::string, std::vector<double>> by_group;
  for (std::size_t i = 0; i < items.size(); ++i) by_group[items[i]->group].push_back(values[i]);
  if (by_group.size() < 2) return estimate;
  std::vector<Estimate> parts;
  std::vector<std::int64_t> sizes;
  for (const auto& [group, part] : by_group) {
    parts.push_back(mean_of(part));
    sizes.push_back(std::ssize(part));
  }
  estimate.error = pooled_error(parts, sizes);
  return estimate;
}

TaskScore score_of(const TaskConfig& task, const std::string& name,
                   std::span<const ItemScore* const> items) {
  TaskScore score{.name = name, .items = std::ssize(items), .metrics = {}};
  for (const MetricValues& metric : averaged(task, items)) {
    score.metrics.emplace_back(metric.name, pooled_mean(metric.values, items));
  }
  if (task.kind == TaskKind::kCloze) {
    Estimate perplexity = score.metrics.back().second;
    perplexity.value = std::exp(-perplexity.value);
    if (perplexity.error) *perplexity.error *= perplexity.value;  // to first order
    score.metrics.emplace_back("perplexity", perplexity);
  }
  const auto bits = collect(items, [](const ItemScore& item) {
    return -item.answer_log_likelihood() / std::numbers::ln2;
  });
  const auto bytes = collect(items, [](const ItemScore& item) { return item.answer_bytes; });
  score.metrics.emplace_back("bits_per_byte", ratio_of(bits, bytes));
  const auto first =
      std::find_if(score.metrics.begin(), score.metrics.end(), [&](const auto& metric) {
        return metric.first == kMetricNames[static_cast<std::size_t>(task.metric)];
      });
  std::rotate(score.metrics.begin(), first, first + 1);
  return score;
}

}  // namespace

ItemScore score_item(const TaskConfig& task, const Item& item, std::span<const Score> scores) {
  ItemScore result{.index = item.index,
                   .group = item.group,
                   .scores = {scores.begin(), scores.end()},
                   .answer = item.answer,
                   .acc_norm = {},
                   .acc_bytes = {}};
  result.answer_bytes = std::ssize(item.pairs[item.answer].continuation);
  if (task.kind == TaskKind::kCloze) {
    result.acc = scores.front().is_greedy;
    return result;
  }
  std::vector<double> plain, by_character, by_byte;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double log_likelihood = scores[i].log_likelihood;
    plain.push_back(log_likelihood);
    by_character.push_back(log_likelihood / static_cast<double>(count_characters(item.choices[i])));
    by_byte.push_back(log_likelihood / static_cast<double>(item.choices[i].size()));
  }
  result.acc = best_of(plain) == item.answer;
  if (task.kind == TaskKind::kChoices) {
    result.acc_norm = best_of(by_character) == item.answer;
    result.acc_bytes = best_of(by_byte) == item.answer;
  }
  return result;
}

util::Json to_record(const std::string& task, const ItemScore& item) {
  util::Json record = {{"task", task}, {"index", item.index}};
  if (!item.group.empty()) record["group"] = item.group;
  for (const Score& score : item.scores) {
    record["loglikelihood"].push_back(score.log_likelihood);
    record["is_greedy"].push_back(score.is_greedy);
  }
  record["answer"] = item.answer;
  record["acc"] = item.acc ? 1 : 0;
  if (item.acc_norm) record["acc_norm"] = *item.acc_norm ? 1 : 0;
  if (item.acc_bytes) record["acc_bytes"] = *item.acc_bytes ? 1 : 0;
  record["answer_bytes"] = item.answer_bytes;
  return record;
}

Estimate mean_of(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  Estimate estimate{.value = std::accumulate(values.begin(), values.end(), 0.0) / n, .error = {}};
  if (values.size() < 2) return estimate;
  double squares = 0;
  for (const double value : values) squares += (value - estimate.value) * (value - estimate.value);
  estimate.error = std::sqrt(squares / (n - 1) / n);
  return estimate;
}

Estimate ratio_of(std::span<const double> parts, std::span<const double> sizes) {
  const double size = std::accumulate(sizes.begin(), sizes.end(), 0.0);
  Estimate estimate{.value = std::accumulate(parts.begin(), parts.end(), 0.0) / size, .error = {}};
  const auto n = static_cast<double>(parts.size());
  if (parts.size() < 2) return estimate;
  double squares = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double residual = parts[i] - estimate.value * sizes[i];
    squares += residual * residual;
  }
  estimate.error = std::sqrt(squares * n / (n - 1)) / size;
  return estimate;
}

std::optional<double> pooled_error(std::span<const Estimate> parts,
                                   std::span<const std::int64_t> sizes) {
  double squares = 0;
  std::int64_t all = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].error) return std::nullopt;
    const auto size = static_cast<double>(sizes[i]);
    squares += (size - 1) * *parts[i].error * *parts[i].error * size;
    all += sizes[i];
  }
  const auto total = static_cast<double>(all);
  return std::sqrt(squares / (total - static_cast<double>(parts.size())) / total);
}

const Estimate* TaskScore::find(const std::string& metric) const {
  for (const auto& [key, estimate] : metrics) {
    if (key == metric) return &estimate;
  }
  return nullptr;
}

std::vector<TaskScore> summarize(const TaskConfig& task, std::span<const ItemScore> items) {
  std::vector<const ItemScore*> all;
  Groups groups;
  for (const ItemScore& item : items) {
    all.push_back(&item);
    if (!task.group_by.empty()) groups[item.group].push_back(&item);
  }
  std::vector<TaskScore> scores{score_of(task, task.name, all)};
  for (const TaskGroup& group : task.groups) {
    std::vector<const ItemScore*> members;
    for (const std::string& value : group.values) {
      const auto found = groups.find(value);
      if (found == groups.end()) continue;
      members.insert(members.end(), found->second.begin(), found->second.end());
    }
    if (!members.empty()) {
      scores.push_back(score_of(task, task.name + "/" + group.name, members));
    }
  }
  for (const auto& [group, members] : groups) {
    scores.push_back(score_of(task, task.name + "/" + group, members));
    scores.back().is_detail = !task.groups.empty();
  }
  return scores;
}

}  // namespace superpose::tasks
