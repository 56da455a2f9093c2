// A run's records on the console.
#pragma once

#include <iosfwd>
#include <string>

#include "metrics/sink.h"
#include "util/status_line.h"

namespace superpose::metrics {

// kBrief: of a run's events only warnings get a line, and its end; for one run of many.
enum class ConsoleDetail { kFull, kBrief };

// One status line: phase, step, loss (named bag loss or NTP loss), last validation, positions/s,
// raw tokens/s, share of the time waited for data, time left. Switches, resumes, warnings and the
// end get a line of their own, and so do tasks and validations of more than one set; on a terminal
// checkpoints do not, the status line is enough. An error is left to the exception that ends the
// run.
class ConsoleSink : public Sink {
 public:
  ConsoleSink(std::ostream& stream, util::StatusLineOptions options,
              ConsoleDetail detail = ConsoleDetail::kFull);

  void write(const Record& record) override;

 private:
  void begin(const RunHeader& header);
  void step(const StepRecord& record);
  void validation(const ValidationRecord& record);
  void task(const TaskRecord& record);
  void final_scores(const FinalRecord& record);
  void event(const EventRecord& record);
  void finish(const SummaryRecord& record);
  std::string status() const;
  double seconds_left() const;

  util::StatusLine line_;
  ConsoleDetail detail_;
  RunHeader header_;
  StepRecord last_step_;
  ValidationRecord last_validation_;
  bool has_final_scores_ = false;
  bool has_validation_ = false;
  double rate_time_ = 0;  // wall clock at last_step_
  bool has_rate_ = false;
  double seconds_per_step_ = 0;  // wall clock, evaluation and checkpoints included, smoothed
};

}  // namespace superpose::metrics
