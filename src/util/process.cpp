#include "util/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "util/error.h"

namespace superpose::util {

std::int64_t peak_memory_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    std::int64_t kib = 0;
    if (word == "VmHWM:" && file >> kib) return kib * 1024;
  }
  return 0;
}

int exit_code(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

Process::Process(std::vector<std::string> command, const std::filesystem::path& output) {
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int error =
      ::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return;
  pid_ = -1;
  fail(command[0], ": cannot be started: ", std::strerror(error));
}

Process::~Process() {
  send(SIGKILL);
  wait();
}

std::vector<pid_t> Process::children() const {
  const std::string id = std::to_string(pid_);
  std::ifstream file("/proc/" + id + "/task/" + id + "/children");
  return {std::istream_iterator<pid_t>(file), std::istream_iterator<pid_t>()};
}

void Process::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

bool Process::has_ended() {
  int status = 0;
  if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) take(status);
  return pid_ <= 0;
}

int Process::wait() {
  int status = 0;
  while (pid_ > 0) {
    if (::waitpid(pid_, &status, 0) == pid_) {
      take(status);
    } else if (errno != EINTR) {
      break;
    }
  }
  return code_;
}

void Process::take(int status) {
  code_ = exit_code(status);
  pid_ = -1;
}

}  // namespace superpose::util
