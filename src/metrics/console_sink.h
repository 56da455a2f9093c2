#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "metrics/sink.h"

namespace superpose::metrics {

struct ConsoleOptions {
  bool terminal = false;  // rewrite one status line in place; else plain lines
  double interval_seconds =
      15;           // between plain lines; a terminal's line is redrawn at most 5 times a second
  int width = 160;  // columns of the terminal; a longer status line is cut
  std::function<double()> clock;  // seconds; empty = steady clock (tests set their own)
};

// One status line: phase, step, loss (named bag loss or NTP loss), last validation, positions/s,
// raw tokens/s, share of the time waited for data, time left. Switches, resumes, warnings, errors
// and the end get a line of their own, and so do validations of more than one set; on a terminal
// checkpoints do not, the status line is enough.
class ConsoleSink : public Sink {
 public:
  ConsoleSink(std::ostream& stream, ConsoleOptions options);
  ~ConsoleSink() override;  // ends an open status line

  void write(const Record& record) override;

 private:
  void begin(const RunHeader& header);
  void step(const StepRecord& record);
  void validation(const ValidationRecord& record);
  void event(const EventRecord& record);
  void finish(const SummaryRecord& record);
  std::string status() const;
  double seconds_left() const;
  void draw(const std::string& line);
  void print_line(const std::string& line);

  std::ostream& stream_;
  ConsoleOptions options_;
  RunHeader header_;
  StepRecord last_step_;
  ValidationRecord last_validation_;
  bool has_validation_ = false;
  bool line_open_ = false;
  bool drawn_once_ = false;
  double last_drawn_ = 0;
  double rate_time_ = 0;  // wall clock at last_step_
  bool has_rate_ = false;
  double seconds_per_step_ = 0;  // wall clock, evaluation and checkpoints included, smoothed
};

}  // namespace superpose::metrics
