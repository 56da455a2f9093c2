#pragma once

namespace superpose::util {

// Turns the first SIGTERM or SIGINT into a flag that the training loop asks for between steps. The
// second one acts as the operating system's default, so a stuck process can still be ended with
// Ctrl-C. One instance at a time.
class StopSignal {
 public:
  // Installs the handlers and clears the flag. Throws Error where another instance lives.
  StopSignal();
  // Restores the handlers found at construction.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const { return signal_number() != 0; }
  // SIGTERM or SIGINT once one came, else 0.
  int signal_number() const;
};

}  // namespace superpose::util
