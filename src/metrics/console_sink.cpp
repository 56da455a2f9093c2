#include "metrics/console_sink.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <utility>

#include "util/text.h"

namespace superpose::metrics {
namespace {

constexpr double kRedrawSeconds = 0.2;
constexpr double kRateMemory = 0.9;  // of the smoothed step time, per record

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string with_commas(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

// "1.2345 (perplexity 3.44, 1.781 bits per byte)", of a set or of the primary one.
template <class Scores>
std::string scores(const Scores& of) {
  std::string text = fixed(of.loss, 4) + " (perplexity " + fixed(std::exp(of.loss), 2);
  if (of.bits_per_byte) text += ", " + fixed(*of.bits_per_byte, 3) + " bits per byte";
  return text + ")";
}

const char* word(EventKind kind) {
  switch (kind) {
    case EventKind::kResume:
      return "resumed";
    case EventKind::kCheckpoint:
      return "checkpoint";
    case EventKind::kSwitch:
      return "switch";
    case EventKind::kWarning:
      return "warning";
    case EventKind::kError:
      return "error";
  }
  return "";
}

}  // namespace

ConsoleSink::ConsoleSink(std::ostream& stream, ConsoleOptions options)
    : stream_(stream), options_(std::move(options)) {
  if (!options_.clock) options_.clock = steady_seconds;
}

ConsoleSink::~ConsoleSink() {
  if (line_open_) stream_ << '\n' << std::flush;
}

void ConsoleSink::write(const Record& record) {
  struct Visit {
    ConsoleSink& sink;
    void operator()(const RunHeader& r) const { sink.begin(r); }
    void operator()(const StepRecord& r) const { sink.step(r); }
    void operator()(const ValidationRecord& r) const { sink.validation(r); }
    void operator()(const EventRecord& r) const { sink.event(r); }
    void operator()(const SummaryRecord& r) const { sink.finish(r); }
  };
  std::visit(Visit{*this}, record);
}

void ConsoleSink::begin(const RunHeader& header) { header_ = header; }

void ConsoleSink::step(const StepRecord& record) {
  const double now = options_.clock();
  const std::int64_t steps = record.step - last_step_.step;
  if (last_step_.step > 0 && steps > 0) {
    const double per_step = (now - rate_time_) / static_cast<double>(steps);
    seconds_per_step_ =
        has_rate_ ? kRateMemory * seconds_per_step_ + (1 - kRateMemory) * per_step : per_step;
    has_rate_ = true;
  }
  rate_time_ = now;
  last_step_ = record;
  const double interval = options_.terminal ? kRedrawSeconds : options_.interval_seconds;
  if (drawn_once_ && now - last_drawn_ < interval) return;
  drawn_once_ = true;
  last_drawn_ = now;
  options_.terminal ? draw(status()) : print_line(status());
}

void ConsoleSink::validation(const ValidationRecord& record) {
  last_validation_ = record;
  has_validation_ = true;
  if (record.sets.size() > 1) {
    std::string line = "validation at step " + with_commas(record.step);
    for (const SetScore& set : record.sets) {
      line += (&set == &record.sets.front() ? ": " : "; ") + set.name + " " + scores(set);
    }
    print_line(line);
  }
  if (options_.terminal && last_step_.step > 0) draw(status());
}

void ConsoleSink::event(const EventRecord& record) {
  if (options_.terminal && record.kind == EventKind::kCheckpoint) return;
  std::string line = word(record.kind);
  line += " at step " + with_commas(record.step) + ": " + record.text;
  print_line(line);
}

void ConsoleSink::finish(const SummaryRecord& record) {
  std::string line = header_.run_name.empty() ? "" : header_.run_name + ": ";
  line += "done, " + with_commas(record.step) + " steps in " +
          util::format_duration(record.seconds) + " (evaluation " +
          util::format_duration(record.evaluation_seconds) + ", checkpoints " +
          util::format_duration(record.checkpoint_seconds) + " apart)";
  if (has_validation_) line += ", validation NTP loss " + scores(last_validation_);
  print_line(line);
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
  line += " | step " + with_commas(last_step_.step);
  if (header_.total_steps > 0) line += "/" + with_commas(header_.total_steps);
  line += std::string(" | ") + (last_step_.is_bag_loss ? "bag loss " : "NTP loss ") +
          fixed(last_step_.loss, 4);
  if (has_validation_) line += " | val NTP " + fixed(last_validation_.loss, 4);
  line += " | " + util::format_count(std::llround(last_step_.positions_per_second)) + " pos/s, " +
          util::format_count(std::llround(last_step_.raw_tokens_per_second)) + " raw tok/s";
  line += " | waiting " + fixed(100 * last_step_.wait_share, 1) + " %";
  for (std::size_t i = 0; i < last_step_.source_epochs.size(); ++i) {
    const auto& [name, epochs] = last_step_.source_epochs[i];
    line += (i == 0 ? " | epochs " : ", ") + name + " " + fixed(epochs, 2);
  }
  if (has_rate_ && header_.total_steps > 0) {
    line += " | ETA " + util::format_duration(seconds_left());
  }
  return line;
}

double ConsoleSink::seconds_left() const {
  return seconds_per_step_ * static_cast<double>(header_.total_steps - last_step_.step);
}

void ConsoleSink::draw(const std::string& line) {
  const auto width = static_cast<std::size_t>(options_.width > 1 ? options_.width - 1 : 1);
  stream_ << '\r' << line.substr(0, width) << "\x1b[K"
          << std::flush;  // erases the rest of the line
  line_open_ = true;
}

void ConsoleSink::print_line(const std::string& line) {
  if (line_open_ && options_.terminal) {
    // An event takes the status line's place; the next step draws a new one below.
    stream_ << "\r\x1b[K";
    line_open_ = false;
  }
  stream_ << line << '\n' << std::flush;
}

}  // namespace superpose::metrics
