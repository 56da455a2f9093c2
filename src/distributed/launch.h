// `superpose launch`: starts the ranks of a run on this machine and looks after them.
#pragma once

#include <string>
#include <vector>

namespace superpose::distributed {

// Whose output the launcher shows. What is prefixed comes line by line behind "[rank N] ".
enum class RankOutput {
  kFirst,  // rank 0 writes to our stdout and stderr itself (a terminal stays one); stderr of the
           // others is prefixed, their stdout dropped
  kAll,    // everything of all ranks, prefixed
};

struct LaunchOptions {
  int ranks = 1;
  std::vector<std::string> command = {};  // program (looked up in PATH) and its arguments
  double grace_seconds = 10;              // between SIGTERM and SIGKILL once a rank has failed
  RankOutput output = RankOutput::kFirst;
};

// Runs the command as `ranks` processes of one run on this machine, with RANK, LOCAL_RANK,
// WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR=127.0.0.1 and a free MASTER_PORT set, and waits for all
// of them.
//
// Each of util::kStopSignals that reaches the launcher goes to every rank; one that is ignored at
// the start (nohup) stays so, for launcher and ranks. A rank that ends with neither 0 nor 3
// (stopped on a signal, checkpoint written) has failed: the others get SIGTERM and, after
// grace_seconds, SIGKILL.
//
// Returns the code of the rank that failed first (128 + n for one killed by signal n, 127 for a
// command that cannot be started), else 3 if any rank returned 3, else 0. Throws util::Error for
// ranks < 1 or an empty command. Call it from a process of one thread.
int launch(const LaunchOptions& options);

}  // namespace superpose::distributed
