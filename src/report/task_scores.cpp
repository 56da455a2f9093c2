#include "report/task_scores.h"

#include <algorithm>
#include <array>
#include <utility>

#include "report/words/run_words.h"
#include "report/words/text.h"
#include "util/text.h"

namespace superpose::report {
namespace {

using metrics::TaskRecord;

struct SeedRecord {
  std::int64_t seed = 0;
  const TaskRecord* record = nullptr;
};

// The record of a task with which a run ended; of a run by itself the last one. Null: none.
const TaskRecord* last_record(const Run& run, const std::string& task, bool is_alone) {
  const TaskRecord* last = nullptr;
  for (const TaskRecord& record : run.records.tasks) {
    if (record.name == task && (last == nullptr || record.step > last->step)) last = &record;
  }
  if (last == nullptr || is_alone) return last;
  const bool ends =
      !run.records.validations.empty() && last->step == run.records.validations.back().step;
  return ends ? last : nullptr;
}

std::vector<const Run*> scored_runs(const Analysis& analysis, const std::string& arm) {
  if (const Run* run = only_run(analysis)) return {run};
  return analysis.results(arm, 1);
}

std::vector<SeedRecord> last_records(const Analysis& analysis, const std::string& arm,
                                     const std::string& task) {
  std::vector<SeedRecord> found;
  for (const Run* run : scored_runs(analysis, arm)) {
    const TaskRecord* record = last_record(*run, task, only_run(analysis) != nullptr);
    if (record != nullptr) found.push_back({run->entry.seed, record});
  }
  return found;
}

std::vector<SeedRecord> asked(std::vector<SeedRecord> records, const std::string& fingerprint) {
  std::erase_if(records,
                [&](const SeedRecord& one) { return one.record->fingerprint != fingerprint; });
  return records;
}

// The first runs' tasks, then those that only later ones have.
std::vector<TaskSummary> find_tasks(const Analysis& analysis) {
  std::vector<TaskSummary> tasks;
  for (const std::string& arm : analysis.experiment.arms) {
    for (const Run* run : scored_runs(analysis, arm)) {
      for (const TaskRecord& one : run->records.tasks) {
        const bool is_known = std::any_of(tasks.begin(), tasks.end(),
                                          [&](const auto& task) { return task.name == one.name; });
        const TaskRecord* last =
            is_known ? nullptr : last_record(*run, one.name, only_run(analysis) != nullptr);
        if (last == nullptr) continue;
        TaskSummary& task = tasks.emplace_back();
        task.name = last->name;
        task.items = last->items;
        task.fingerprint = last->fingerprint;
        for (const auto& [name, value] : last->scores) {
          const double* chance = metrics::find_number(last->chance, name);
          task.scores.push_back(
              {name, chance == nullptr ? std::nullopt : std::optional(*chance), {}});
        }
        std::stable_partition(task.scores.begin(), task.scores.end(), [](const auto& score) {
          return score.name == metrics::kPrimaryScore;
        });
      }
    }
  }
  return tasks;
}

std::vector<double> gains(const std::vector<SeedRecord>& baseline,
                          const std::vector<SeedRecord>& arm, const std::string& score) {
  std::vector<double> gains;
  for (const SeedRecord& mine : arm) {
    for (const SeedRecord& base : baseline) {
      const double* own = metrics::find_number(mine.record->scores, score);
      const double* other = metrics::find_number(base.record->scores, score);
      if (mine.seed != base.seed || own == nullptr || other == nullptr) continue;
      gains.push_back(is_better_lower(score) ? *other - *own : *own - *other);
    }
  }
  return gains;
}

std::optional<ArmTaskScore> mean_score(const std::string& arm,
                                       const std::vector<SeedRecord>& records,
                                       const std::string& score) {
  ArmTaskScore mean;
  mean.arm = arm;
  double error = 0;
  bool has_error = true;
  for (const SeedRecord& one : records) {
    const double* value = metrics::find_number(one.record->scores, score);
    if (value == nullptr) continue;
    ++mean.seeds;
    mean.value += *value;
    const double* own = metrics::find_number(one.record->errors, score);
    has_error = has_error && own != nullptr;
    error += own == nullptr ? 0 : *own;
  }
  if (mean.seeds == 0) return std::nullopt;
  mean.value /= static_cast<double>(mean.seeds);
  if (has_error) mean.error = error / static_cast<double>(mean.seeds);
  return mean;
}

const ArmTaskScore* find_arm(const TaskScoreSummary& score, const std::string& arm) {
  const auto found = std::find_if(score.arms.begin(), score.arms.end(),
                                  [&](const ArmTaskScore& one) { return one.arm == arm; });
  return found == score.arms.end() ? nullptr : &*found;
}

const TaskScoreSummary* find_score(const TaskSummary& task, const std::string& name) {
  const auto found = std::find_if(task.scores.begin(), task.scores.end(),
                                  [&](const TaskScoreSummary& one) { return one.name == name; });
  return found == task.scores.end() ? nullptr : &*found;
}

std::string chance_words(const TaskScoreSummary& score) {
  return score.chance ? " (chance " + format_loss(*score.chance) + ")" : "";
}

// "1.2000 bits per byte of the right answer (chance 2.0000)"
std::string value_words(const TaskScoreSummary& score, const ArmTaskScore& arm) {
  std::string text = score_words(score.name) + " " + format_loss(arm.value);
  if (arm.error) text += " +- " + format_loss(*arm.error) + " over items";
  return text + chance_words(score);
}

// "On the task hellaswag<subject>...; ...." for every task of which `words` says something.
template <class Words>
std::string join_tasks(const Analysis& analysis, const std::string& subject, const Words& words) {
  std::vector<std::string> sentences;
  for (const TaskSummary& task : analysis.tasks) {
    std::vector<std::string> parts;
    for (const char* const name : {metrics::kPrimaryScore, "acc"}) {
      const TaskScoreSummary* score = find_score(task, name);
      std::string part = score == nullptr ? "" : words(*score);
      if (!part.empty()) parts.push_back(std::move(part));
    }
    if (parts.empty()) continue;
    sentences.push_back("On the task " + task.name + subject + util::join(parts, "; ") + ".");
  }
  return util::join(sentences, " ");
}

}  // namespace

std::vector<TaskSummary> summarize_tasks(const Analysis& analysis) {
  std::vector<TaskSummary> tasks = find_tasks(analysis);
  const std::string& baseline = analysis.experiment.baseline;
  for (TaskSummary& task : tasks) {
    const std::vector<SeedRecord> base =
        asked(last_records(analysis, baseline, task.name), task.fingerprint);
    for (const std::string& arm : analysis.experiment.arms) {
      const std::vector<SeedRecord> own =
          asked(last_records(analysis, arm, task.name), task.fingerprint);
      for (TaskScoreSummary& score : task.scores) {
        std::optional<ArmTaskScore> mean = mean_score(arm, own, score.name);
        if (!mean) continue;
        const std::vector<double> ahead = gains(base, own, score.name);
        if (arm != baseline && !ahead.empty()) mean->gain = mean_interval(ahead);
        score.arms.push_back(*std::move(mean));
      }
    }
  }
  return tasks;
}

void note_other_questions(Analysis& analysis) {
  for (const TaskSummary& task : analysis.tasks) {
    std::int64_t others = 0;
    for (const std::string& arm : analysis.experiment.arms) {
      const std::vector<SeedRecord> records = last_records(analysis, arm, task.name);
      others += std::ssize(records) - std::ssize(asked(records, task.fingerprint));
    }
    if (others == 0) continue;
    analysis.notes.push_back(util::counted(others, "run") +
                             " asked other questions under the name " + task.name + ", and " +
                             (others == 1 ? "takes" : "take") + " no part in its scores.");
  }
}

std::vector<const TaskRecord*> records_of_task(const Run& run, const TaskSummary& task) {
  std::vector<const TaskRecord*> records;
  for (const TaskRecord& record : run.records.tasks) {
    const bool is_same = record.name == task.name && record.fingerprint == task.fingerprint;
    if (is_same) records.push_back(&record);
  }
  std::stable_sort(records.begin(), records.end(),
                   [](const auto* a, const auto* b) { return a->step < b->step; });
  return records;
}

bool is_better_lower(std::string_view score) {
  return score == metrics::kPrimaryScore || score == "perplexity";
}

std::string score_words(const std::string& score) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kWords = {
      {{metrics::kPrimaryScore, "bits per byte of the right answer"},
       {"acc", "accuracy"},
       {"acc_norm", "accuracy by character"},
       {"acc_bytes", "accuracy by byte"},
       {"log_likelihood", "log-likelihood of the right answer"}}};
  for (const auto& [name, words] : kWords) {
    if (name == score) return std::string(words);
  }
  return score;
}

std::string tasks_sentence(const Analysis& analysis, const std::string& arm) {
  return join_tasks(analysis, ", " + arm + " has ",
                    [&](const TaskScoreSummary& score) -> std::string {
                      const ArmTaskScore* base = find_arm(score, analysis.experiment.baseline);
                      const ArmTaskScore* own = find_arm(score, arm);
                      if (base == nullptr || own == nullptr || !own->gain) return "";
                      return score_words(score.name) + " " + format_loss(own->value) + " against " +
                             format_loss(base->value) + chance_words(score) + ": " +
                             format_gain(own->gain->mean) + " (" + support(*own->gain) + ")";
                    });
}

std::string tasks_sentence(const Analysis& analysis) {
  return join_tasks(analysis, " it has ", [](const TaskScoreSummary& score) {
    return score.arms.empty() ? "" : value_words(score, score.arms.front());
  });
}

}  // namespace superpose::report
