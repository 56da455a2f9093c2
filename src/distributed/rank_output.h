// The output of ranks, passed on line by line.
#pragma once

#include <string>

namespace superpose::distributed {

// One stream of one rank, read from a pipe and written to ours line by line behind a prefix, so
// that lines of several ranks do not run into each other.
class RankStream {
 public:
  // Owns `pipe`, the reading end; makes it non-blocking.
  RankStream(int pipe, int target, std::string prefix);
  ~RankStream();
  RankStream(RankStream&& other) noexcept;
  RankStream& operator=(RankStream&&) = delete;

  int pipe() const { return pipe_; }  // -1 once closed

  // Passes on whatever is there. Closes the pipe at its end.
  void forward();
  // Passes on the rest, a last line without an end too, and closes.
  void finish();

 private:
  void close();

  int pipe_;
  int target_;
  std::string prefix_;
  std::string line_;  // begun, not ended
};

}  // namespace superpose::distributed
