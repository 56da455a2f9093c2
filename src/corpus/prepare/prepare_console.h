// A preparation shown to the user: progress on a status line, and Ctrl-C.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "util/status_line.h"

namespace superpose::corpus {

// Where a preparation shows how it goes; null: nowhere.
struct PrepareScreen {
  std::ostream* stream = nullptr;
  int columns = 0;  // of the terminal that it is; 0 = it is not one
  std::string what = "the corpus";

  PrepareScreen showing(const std::string& another) const { return {stream, columns, another}; }
};

// Shows how the preparation of a corpus goes, on a status line: share of the files, time left, MB
// of text per second, tokens, documents; of these, the first that fit on a terminal's line.
class PrepareConsole {
 public:
  // `what`: is prepared.
  PrepareConsole(std::ostream& stream, std::string what, util::StatusLineOptions options);

  void write(const PrepareProgress& progress);

 private:
  std::vector<std::string> status(const PrepareProgress& progress, double seconds) const;

  std::string what_;
  int columns_;
  util::StatusLine line_;
  PrepareProgress first_;
  double started_ = 0;
};

// prepare_corpus, shown on a screen. SIGTERM and SIGINT end it with PreparationStopped, nothing
// that is done being lost; where there is no screen they act as usual.
PreparedCorpus prepare_shown(const DataConfig& config, const PrepareOptions& options,
                             const PrepareScreen& screen);

}  // namespace superpose::corpus
