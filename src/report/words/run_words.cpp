#include "report/words/run_words.h"

#include <algorithm>

#include "report/context.h"
#include "report/task_scores.h"
#include "report/words/schedule_words.h"
#include "report/words/text.h"
#include "util/text.h"

namespace superpose::report {
namespace {

std::string headline_of(const Run& run) {
  const metrics::RunRecords& records = run.records;
  const std::int64_t total = records.header.total_steps;
  const bool is_validated = !records.validations.empty();
  const std::int64_t step = std::max(records.steps.empty() ? 0 : records.steps.back().step,
                                     is_validated ? records.validations.back().step : 0);
  const std::string now =
      "Step " + util::with_commas(step) + (total > 0 ? " of " + util::with_commas(total) : "");
  if (!is_validated) return now + ": no validation yet";
  const metrics::ValidationRecord& last = records.validations.back();
  std::string loss = "held-out loss " + format_loss(last.loss) + " nats per token";
  if (last.bits_per_byte) {
    loss += ", " + util::fixed(*last.bits_per_byte, 3) + " bits per byte";
  }
  if (run.finished) return "Finished: " + loss + " after " + util::counted(last.step, "step");
  return now + ": " + loss + (last.step == step ? "" : " at step " + util::with_commas(last.step));
}

// "13.1M raw tokens (0.38 epochs) in 8.19M positions, 16.3 TFLOP"
std::string reading_sentence(const Run& run) {
  if (run.records.steps.empty()) return "";
  const metrics::StepRecord& last = run.records.steps.back();
  const auto positions = static_cast<double>(last.positions);
  if (run.is_foreign) {
    return last.raw_tokens == 0 ? ""
                                : "It read " + format_tokens(static_cast<double>(last.raw_tokens)) +
                                      " raw tokens in " + format_tokens(positions) + " positions.";
  }
  std::string text =
      "It read " + format_tokens(static_cast<double>(last.raw_tokens)) + " raw tokens (" +
      util::fixed(last.epoch, 2) + " epochs) in " + format_tokens(positions) +
      " positions: " + util::format_flops(positions * run.records.header.flops_per_position) + ".";
  if (last.raw_tokens != last.positions) {
    text += " While superposed, a position reads a whole bag.";
  }
  return text;
}

std::string time_sentence(const Run& run) {
  if (run.records.steps.empty()) return "";
  const metrics::StepRecord& last = run.records.steps.back();
  if (last.seconds <= 0) return "";
  std::string text = "The steps took " + util::format_duration(last.seconds) + " (" +
                     format_tokens(static_cast<double>(last.positions) / last.seconds) +
                     " positions per second), " +
                     util::fixed(100 * last.wait_seconds / last.seconds, 1) +
                     " % of it waiting for data";
  if (const auto& summary = run.records.summary) {
    text += "; validation " + util::format_duration(summary->evaluation_seconds) +
            " and checkpoints " + util::format_duration(summary->checkpoint_seconds) + " more";
    if (summary->peak_memory_bytes > 0) {
      text += "; peak memory " +
              util::format_bytes(static_cast<std::uint64_t>(summary->peak_memory_bytes));
    }
  }
  return text + ".";
}

std::string parents_sentence(const Run& run) {
  std::vector<std::string> parents;
  for (const metrics::ParentInfo& parent : run.records.header.parents) {
    parents.push_back("step " + util::with_commas(parent.step) + " of " + parent.folder + " (" +
                      parent.kind + ", weights " + parent.weights + ")");
  }
  return parents.empty() ? "" : "It began from " + util::join(parents, ", then from ") + ".";
}

std::string events_sentence(const Run& run) {
  const auto count = [&](metrics::EventKind kind) {
    return std::count_if(run.records.events.begin(), run.records.events.end(),
                         [kind](const metrics::EventRecord& event) { return event.kind == kind; });
  };
  const std::int64_t resumes = count(metrics::EventKind::kResume);
  return resumes == 0 ? "" : "It was stopped and resumed " + util::counted(resumes, "time") + ".";
}

void add(std::vector<std::string>& sentences, std::string sentence) {
  if (!sentence.empty()) sentences.push_back(std::move(sentence));
}

}  // namespace

const Run* only_run(const Analysis& analysis) {
  const bool is_one = analysis.comparisons.empty() && analysis.runs.size() == 1;
  return is_one ? &analysis.runs.front() : nullptr;
}

Words run_in_words(const Analysis& analysis, const Run& run) {
  Words words;
  words.headline = headline_of(run);
  add(words.opening, schedule_sentence("The run", run.records.header, run.finished));
  add(words.opening, reading_sentence(run));
  add(words.opening, time_sentence(run));
  add(words.opening, context_sentence("The run", analysis.find_arm(run.entry.arm)->context));
  add(words.opening, tasks_sentence(analysis));
  add(words.opening, parents_sentence(run));
  add(words.opening, events_sentence(run));
  return words;
}

}  // namespace superpose::report
