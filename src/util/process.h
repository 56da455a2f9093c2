// This process and others that it starts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace superpose::util {

// The most memory that this process has held in RAM so far (VmHWM); 0 where Linux does not say.
std::int64_t peak_memory_bytes();

// Exit code in a status of waitpid; 128 + n where signal n ended the process, as shells have it.
int exit_code(int wait_status);

// A program in a process of its own, output and errors in one file. Killed at the end of the scope.
class Process {
 public:
  // `command`: path of the program, then its arguments. Throws Error where it cannot be started.
  Process(std::vector<std::string> command, const std::filesystem::path& output);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Of this process, in the order in which they were started.
  std::vector<pid_t> children() const;

  // Nothing once the end has been seen.
  void send(int signal) const;
  bool has_ended();
  // Waits for the end. Returns exit_code.
  int wait();

 private:
  void take(int status);

  pid_t pid_ = -1;  // -1 once the end has been seen
  int code_ = -1;
};

}  // namespace superpose::util
