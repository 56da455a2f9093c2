#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

namespace superpose::cli {

// How far long work has come: one line that is rewritten in place on a terminal, else a plain line
// now and then (as metrics/console_sink.h does for training).
class ProgressLine {
 public:
  // `columns`: of the terminal; 0 where the stream is none.
  ProgressLine(std::ostream& stream, int columns);
  ~ProgressLine();  // as finish()
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Seconds since the construction.
  double seconds() const;
  // Whether it is time for another line: composing one that is not shown costs too.
  bool is_due() const;
  void show(const std::string& line);
  // Makes way for other output.
  void finish();

 private:
  std::ostream& stream_;
  int columns_;
  std::chrono::steady_clock::time_point start_;
  double shown_at_ = 0;
  bool open_ = false;
};

}  // namespace superpose::cli
