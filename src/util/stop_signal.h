// Signals that ask a run to stop.
#pragma once

#include <signal.h>

#include <array>

namespace superpose::util {

// The signals by which users, terminals and batch systems end a process: `kill`, Ctrl-C, a closed
// terminal, Ctrl-\, what Slurm, Grid Engine or LSF send ahead of the kill, the soft limit of CPU
// time.
inline constexpr std::array kStopSignals = {SIGTERM, SIGINT,  SIGHUP, SIGQUIT,
                                            SIGUSR1, SIGUSR2, SIGXCPU};

// Whether the process does not react to a signal at all, as `nohup` and a shell's background jobs
// have it. Who started it so wants it to stay so.
bool is_ignored(int signal_number);

// Turns the first of kStopSignals into a flag that the training loop asks for between steps. One
// that is ignored stays ignored. After the first, Ctrl-C and Ctrl-\ have the operating system's
// default action, so a stuck process can still be ended from the keyboard; the others change
// nothing more, as a closed terminal and batch systems send several. Within the life of one, others
// share its flag: a command of several runs holds one, and each run another.
class StopSignal {
 public:
  // Installs the handlers and clears the flag, unless another instance has done so. For the thread
  // that commands run on.
  StopSignal();
  // The outermost restores the handlers that it found.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const { return signal_number() != 0; }
  // The first signal that came; 0 where none did.
  int signal_number() const;

 private:
  bool is_outermost_;
  std::array<struct sigaction, kStopSignals.size()> before_;
};

}  // namespace superpose::util
