// The progress of long work, on a terminal or in a log.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace superpose::util {

struct StatusLineOptions {
  int columns = 0;               // of the terminal that the stream is; 0 = it is not one
  double interval_seconds = 15;  // between plain lines; a terminal's is drawn 5 times a second
  std::function<double()> clock = {};  // seconds; empty = steady clock (tests set their own)
};

// How far long work has come: on a terminal one line, drawn again in place and cut to its width;
// elsewhere a plain line now and then.
class StatusLine {
 public:
  StatusLine(std::ostream& stream, StatusLineOptions options);
  ~StatusLine();  // ends an open line, which stays
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool on_terminal() const { return options_.columns > 0; }
  double now() const { return options_.clock(); }

  // Whether it is time for another line: composing one that is not shown costs too. The first is
  // due at once, after postpone() an interval later.
  bool is_due() const;
  void postpone() { last_ = now(); }

  void show(const std::string& line);
  // A line of its own, in the place of an open one.
  void print(const std::string& line);
  // Removes an open line.
  void clear();

 private:
  std::ostream& stream_;
  StatusLineOptions options_;
  std::optional<double> last_;
  bool is_open_ = false;
};

}  // namespace superpose::util
