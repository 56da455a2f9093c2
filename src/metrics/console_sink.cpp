#include "metrics/console_sink.h"

#include <cmath>
#include <utility>

#include "util/text.h"

namespace superpose::metrics {
namespace {

constexpr double kRateMemory = 0.9;  // of the smoothed step time, per record

// "1.2345 (perplexity 3.44, 1.781 bits per byte)", of a set or of the primary one.
template <class Scores>
std::string scores(const Scores& of) {
  std::string text = util::fixed(of.loss, 4) + " (perplexity " + util::fixed(std::exp(of.loss), 2);
  if (of.bits_per_byte) text += ", " + util::fixed(*of.bits_per_byte, 3) + " bits per byte";
  return text + ")";
}

std::string word(EventKind kind) {
  if (kind == EventKind::kResume) return "resumed";
  return std::string(kEventNames.at(static_cast<std::size_t>(kind)));
}

}  // namespace

ConsoleSink::ConsoleSink(std::ostream& stream, util::StatusLineOptions options,
                         ConsoleDetail detail)
    : line_(stream, std::move(options)), detail_(detail) {
  // A short run needs no status line.
  if (detail == ConsoleDetail::kBrief) line_.postpone();
}

void ConsoleSink::write(const Record& record) {
  struct Visit {
    ConsoleSink& sink;
    void operator()(const RunHeader& r) const { sink.begin(r); }
    void operator()(const StepRecord& r) const { sink.step(r); }
    void operator()(const ValidationRecord& r) const { sink.validation(r); }
    void operator()(const TaskRecord& r) const { sink.task(r); }
    void operator()(const FinalRecord& r) const { sink.final_scores(r); }
    void operator()(const EventRecord& r) const { sink.event(r); }
    void operator()(const SummaryRecord& r) const { sink.finish(r); }
  };
  std::visit(Visit{*this}, record);
}

void ConsoleSink::begin(const RunHeader& header) { header_ = header; }

void ConsoleSink::step(const StepRecord& record) {
  const double now = line_.now();
  const std::int64_t steps = record.step - last_step_.step;
  if (last_step_.step > 0 && steps > 0) {
    const double per_step = (now - rate_time_) / static_cast<double>(steps);
    seconds_per_step_ =
        has_rate_ ? kRateMemory * seconds_per_step_ + (1 - kRateMemory) * per_step : per_step;
    has_rate_ = true;
  }
  rate_time_ = now;
  last_step_ = record;
  if (line_.is_due()) line_.show(status());
}

void ConsoleSink::validation(const ValidationRecord& record) {
  last_validation_ = record;
  has_validation_ = true;
  if (record.sets.size() > 1 && detail_ == ConsoleDetail::kFull) {
    std::string line = "validation at step " + util::with_commas(record.step);
    for (const SetScore& set : record.sets) {
      line += (&set == &record.sets.front() ? ": " : "; ") + set.name + " " + scores(set);
    }
    line_.print(line);
  }
  if (line_.on_terminal() && last_step_.step > 0) line_.show(status());
}

void ConsoleSink::task(const TaskRecord& record) {
  if (detail_ != ConsoleDetail::kFull) return;
  std::string line = "task " + record.name + " at step " + util::with_commas(record.step) + ": " +
                     util::with_commas(record.items) + " items";
  for (const char* const name : {kPrimaryScore, "acc"}) {
    const double* const score = find_number(record.scores, name);
    if (score == nullptr) continue;
    line += std::string("; ") + name + " " + util::fixed(*score, 4);
    const double* const error = find_number(record.errors, name);
    if (error != nullptr) line += " +- " + util::fixed(*error, 4);
    const double* const chance = find_number(record.chance, name);
    if (chance != nullptr) line += " (chance " + util::fixed(*chance, 4) + ")";
  }
  line_.print(line);
}

void ConsoleSink::final_scores(const FinalRecord& record) {
  has_final_scores_ = true;
  for (const FinalScore& set : record.sets) {
    std::string line = "final loss on " + set.name + ": " + util::fixed(set.loss, 4) +
                       " nats per token over " + util::with_commas(set.tokens) + " tokens in " +
                       util::with_commas(set.windows) + " windows";
    if (set.capped_loss && set.document_cap) {
      const auto documents = std::count_if(set.document_tokens.begin(), set.document_tokens.end(),
                                           [](std::int64_t tokens) { return tokens > 0; });
      // With few documents the cap cannot be met (eval::capped_loss).
      line += "; " + util::fixed(*set.capped_loss, 4) +
              (*set.document_cap * static_cast<double>(documents) < 1
                   ? " with all documents weighing the same"
                   : " with no document above " + util::fixed(100 * *set.document_cap, 1) + " %");
    }
    line_.print(line);
  }
}

void ConsoleSink::event(const EventRecord& record) {
  if (line_.on_terminal() && record.kind == EventKind::kCheckpoint) return;
  // The exception that follows says the same.
  if (record.kind == EventKind::kError) return;
  if (detail_ == ConsoleDetail::kBrief && record.kind != EventKind::kWarning) return;
  line_.print(word(record.kind) + " at step " + util::with_commas(record.step) + ": " +
              record.text);
}

void ConsoleSink::finish(const SummaryRecord& record) {
  std::string line = header_.run_name.empty() ? "" : header_.run_name + ": ";
  line += "done, " + util::with_commas(record.step) + " steps in " +
          util::format_duration(record.seconds) + ", plus " +
          util::format_duration(record.evaluation_seconds) + " evaluation and " +
          util::format_duration(record.checkpoint_seconds) + " checkpoints";
  if (has_validation_ && !has_final_scores_)
    line += "; validation NTP loss " + scores(last_validation_);
  line_.print(line);
}

std::string ConsoleSink::status() const {
  std::string line = header_.run_name.empty() ? "" : header_.run_name + " | ";
  if (last_step_.bag_size > 1 || last_step_.target_size > 1) {
    line += "superposed s=" + std::to_string(last_step_.bag_size);
    if (last_step_.target_size != last_step_.bag_size) {
      line += "->" + std::to_string(last_step_.target_size);
    }
  } else {
    line += "NTP";
  }
  line += " | step " + util::with_commas(last_step_.step);
  if (header_.total_steps > 0) line += "/" + util::with_commas(header_.total_steps);
  line += std::string(" | ") + (last_step_.is_bag_loss ? "bag loss " : "NTP loss ") +
          util::fixed(last_step_.loss, 4);
  for (const auto& [name, value] : last_step_.scalars) {
    if (name == "router/max_load") line += " | expert load " + util::fixed(value, 2);
  }
  if (has_validation_) line += " | val NTP " + util::fixed(last_validation_.loss, 4);
  line += " | " + util::format_count(std::llround(last_step_.positions_per_second)) + " pos/s, " +
          util::format_count(std::llround(last_step_.raw_tokens_per_second)) + " raw tok/s";
  line += " | waiting " + util::fixed(100 * last_step_.wait_share, 1) + " %";
  for (std::size_t i = 0; i < last_step_.source_epochs.size(); ++i) {
    const auto& [name, epochs] = last_step_.source_epochs[i];
    line += (i == 0 ? " | epochs " : ", ") + name + " " + util::fixed(epochs, 2);
  }
  if (has_rate_ && header_.total_steps > 0) {
    line += " | ETA " + util::format_duration(seconds_left());
  }
  return line;
}

double ConsoleSink::seconds_left() const {
  return seconds_per_step_ * static_cast<double>(header_.total_steps - last_step_.step);
}

}  // namespace superpose::metrics
