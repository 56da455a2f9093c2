// The output of ranks, passed on line by line.
#pragma once

#include <string>

#include "util/file_descriptor.h"

namespace superpose::distributed {

// One stream of one rank, read from a pipe and written to ours line by line behind a prefix, so
// that lines of several ranks do not run into each other.
class RankStream {
 public:
  // `pipe` is the reading end; makes it non-blocking.
  RankStream(util::FileDescriptor pipe, int target, std::string prefix);

  int pipe() const { return pipe_.get(); }  // -1 once closed

  // Passes on whatever is there. Closes the pipe at its end.
  void forward();
  // Passes on the rest, a last line without an end too, and closes.
  void finish();

 private:
  util::FileDescriptor pipe_;
  int target_;
  std::string prefix_;
  std::string line_;  // begun, not ended
};

}  // namespace superpose::distributed
