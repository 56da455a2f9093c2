#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "data/corpus.h"

namespace superpose::data {

struct PrepareConsoleOptions {
  std::string what = "the corpus";  // that is prepared
  int columns = 0;                  // of the terminal that the stream is; 0 = none: plain lines
  double interval_seconds = 15;     // between plain lines; a terminal's is redrawn 5 times a second
  std::function<double()> clock = {};  // seconds; empty = steady clock (tests set their own)
};

// Where a preparation shows how it goes; null: nowhere.
struct PrepareScreen {
  std::ostream* stream = nullptr;
  int columns = 0;  // as PrepareConsoleOptions has it
  std::string what = "the corpus";

  PrepareScreen showing(const std::string& another) const { return {stream, columns, another}; }
};

// Shows how the preparation of a corpus goes: share of the files, MB of text a second, documents,
// tokens, time left. On a terminal one line, drawn again in place; else a line now and then.
class PrepareConsole {
 public:
  PrepareConsole(std::ostream& stream, PrepareConsoleOptions options);
  ~PrepareConsole();  // ends an open line
  PrepareConsole(const PrepareConsole&) = delete;
  PrepareConsole& operator=(const PrepareConsole&) = delete;

  void write(const PrepareProgress& progress);

 private:
  std::string status(const PrepareProgress& progress, double seconds) const;
  void draw(const std::string& line);
  void print_line(const std::string& line);

  std::ostream& stream_;
  PrepareConsoleOptions options_;
  PrepareProgress first_;
  double started_ = 0;
  double last_drawn_ = 0;
  bool has_begun_ = false;
  bool line_open_ = false;
};

// prepare_corpus, shown on a screen.
PreparedCorpus prepare_shown(const DataConfig& config, const PrepareOptions& options,
                             const PrepareScreen& screen);

}  // namespace superpose::data
