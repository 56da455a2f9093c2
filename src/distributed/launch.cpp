#include "distributed/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <list>
#include <optional>
#include <utility>

#include "distributed/network.h"
#include "distributed/rank_output.h"
#include "util/error.h"
#include "util/file_descriptor.h"
#include "util/process.h"
#include "util/stop_signal.h"

namespace superpose::distributed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCannotStart = 127;  // as shells have it
constexpr int kStopped = 3;        // stopped on a signal, checkpoint written

// How a process takes its signals.
struct SignalState {
  sigset_t blocked{};
  struct sigaction broken_pipe {};

  void restore() const {
    ::sigaction(SIGPIPE, &broken_pipe, nullptr);
    ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  }
};

// Turns the signals of interest into something to poll, and ignores SIGPIPE: a reader of our output
// that went away does not end the ranks. Restores what was before.
class SignalQueue {
 public:
  SignalQueue() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    // A blocked signal is queued even where it is ignored, as SIGHUP under nohup.
    for (const int number : util::kStopSignals) {
      if (!util::is_ignored(number)) sigaddset(&set, number);
    }
    ::sigprocmask(SIG_BLOCK, &set, &before_.blocked);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before_.broken_pipe);
    signals_ = util::FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    util::require(signals_.is_open(), "launch: signalfd: ", std::strerror(errno));
  }
  ~SignalQueue() { before_.restore(); }
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  int descriptor() const { return signals_.get(); }
  const SignalState& before() const { return before_; }

  // The next signal that came; nothing if none did.
  std::optional<int> next() const {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
  }

 private:
  SignalState before_;
  util::FileDescriptor signals_;
};

struct Pipe {
  util::FileDescriptor read_end;
  util::FileDescriptor write_end;
};

Pipe open_pipe() {
  std::array<int, 2> ends{};
  util::require(::pipe2(ends.data(), O_CLOEXEC) == 0, "launch: pipe: ", std::strerror(errno));
  return {.read_end = util::FileDescriptor(ends[0]), .write_end = util::FileDescriptor(ends[1])};
}

// Arguments or environment as exec wants them.
class TextArray {
 public:
  explicit TextArray(std::vector<std::string> texts) : texts_(std::move(texts)) {
    for (std::string& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  TextArray(const TextArray&) = delete;
  TextArray& operator=(const TextArray&) = delete;
  char* const* data() const { return pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

TextArray environment_of(int rank, int ranks, int port) {
  const std::array<std::pair<std::string, std::string>, 6> own = {{
      {"RANK", std::to_string(rank)},
      {"LOCAL_RANK", std::to_string(rank)},
      {"WORLD_SIZE", std::to_string(ranks)},
      {"LOCAL_WORLD_SIZE", std::to_string(ranks)},
      {"MASTER_ADDR", "127.0.0.1"},
      {"MASTER_PORT", std::to_string(port)},
  }};
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    // An outer torchrun's store is not ours.
    bool replaced = text.starts_with("TORCHELASTIC_");
    for (const auto& [name, value] : own) replaced |= text.starts_with(name + "=");
    if (!replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : own) result.push_back(name + "=" + value);
  return TextArray(std::move(result));
}

// What the child needs between fork and exec, where only async-signal-safe calls are allowed.
struct Start {
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const SignalState* signals = nullptr;
  pid_t parent = 0;
  int null_device = -1;
  int standard_output = -1;  // -1: inherited
  int standard_error = -1;
};

[[noreturn]] void become(const Start& start) {
  // A group of its own: a terminal's Ctrl-C must come once, from the launcher.
  ::setpgid(0, 0);
  // A launcher that is killed takes its ranks along; it may have died before the call.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != start.parent) ::_exit(kCannotStart);
  ::dup2(start.null_device, STDIN_FILENO);
  if (start.standard_output >= 0) ::dup2(start.standard_output, STDOUT_FILENO);
  if (start.standard_error >= 0) ::dup2(start.standard_error, STDERR_FILENO);
  start.signals->restore();
  ::execvpe(start.arguments[0], start.arguments, start.environment);
  // Of glibc, and safe here where strerror is not.
  ::dprintf(STDERR_FILENO, "launch: cannot start %s: %s\n", start.arguments[0],
            ::strerrordesc_np(errno));
  ::_exit(kCannotStart);
}

bool is_failure(int code) { return code != 0 && code != kStopped; }

class Launcher {
 public:
  explicit Launcher(const LaunchOptions& options)
      : options_(options), arguments_(options.command), port_(free_port()) {}
  ~Launcher() {
    for (const Rank& rank : ranks_) {
      if (!rank.code.has_value()) ::kill(-rank.pid, SIGKILL);
    }
  }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  int run() {
    for (int rank = 0; rank < options_.ranks; ++rank) start(rank);
    while (num_running() > 0) {
      wait_for_news();
      while (const auto signal = signals_.next()) {
        if (*signal != SIGCHLD) send_to_all(*signal);
      }
      reap();
      kill_when_due();
    }
    for (RankStream& stream : streams_) stream.finish();
    return result();
  }

 private:
  struct Rank {
    pid_t pid = 0;
    std::optional<int> code;
  };

  void start(int rank) {
    const TextArray environment = environment_of(rank, options_.ranks, port_);
    const bool everything = options_.output == RankOutput::kAll;
    Start start{.arguments = arguments_.data(),
                .environment = environment.data(),
                .signals = &signals_.before(),
                .parent = ::getpid(),
                .null_device = null_device_.get()};
    std::optional<Pipe> output;
    std::optional<Pipe> error;
    if (everything) output = open_pipe();
    if (everything || rank > 0) error = open_pipe();
    if (output.has_value()) start.standard_output = output->write_end.get();
    if (!everything && rank > 0) start.standard_output = null_device_.get();
    if (error.has_value()) start.standard_error = error->write_end.get();

    const pid_t pid = ::fork();
    if (pid == 0) become(start);
    const int fork_error = errno;
    forward(std::move(output), STDOUT_FILENO, rank);
    forward(std::move(error), STDERR_FILENO, rank);
    util::require(pid > 0, "launch: fork: ", std::strerror(fork_error));
    // In both processes, so that a signal sent from here on finds the group.
    ::setpgid(pid, pid);
    ranks_.push_back({.pid = pid, .code = std::nullopt});
  }

  // Keeps the reading end only.
  void forward(std::optional<Pipe> pipe, int target, int rank) {
    if (!pipe.has_value()) return;
    streams_.emplace_back(std::move(pipe->read_end), target,
                          "[rank " + std::to_string(rank) + "] ");
  }

  std::size_t num_running() const {
    std::size_t count = 0;
    for (const Rank& rank : ranks_) count += rank.code.has_value() ? 0 : 1;
    return count;
  }

  // Sleeps until a signal, output of a rank, or the time to kill.
  void wait_for_news() {
    std::vector<pollfd> polled = {{.fd = signals_.descriptor(), .events = POLLIN, .revents = 0}};
    // A closed stream has descriptor -1, which poll skips.
    for (const RankStream& stream : streams_) {
      polled.push_back({.fd = stream.pipe(), .events = POLLIN, .revents = 0});
    }
    int timeout_ms = -1;
    if (kill_at_.has_value()) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(*kill_at_ - Clock::now()).count();
      timeout_ms = static_cast<int>(std::max<std::int64_t>(left + 1, 0));
    }
    ::poll(polled.data(), polled.size(), timeout_ms);
    for (RankStream& stream : streams_) stream.forward();
  }

  void send_to_all(int signal) const {
    for (const Rank& rank : ranks_) {
      if (!rank.code.has_value()) ::kill(-rank.pid, signal);
    }
  }

  void reap() {
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      Rank& rank = ranks_[i];
      int status = 0;
      if (rank.code.has_value() || ::waitpid(rank.pid, &status, WNOHANG) != rank.pid) continue;
      rank.code = util::exit_code(status);
      if (is_failure(*rank.code) && !first_failure_.has_value()) end_others(i, status);
    }
  }

  void end_others(std::size_t failed, int status) {
    first_failure_ = ranks_[failed].code;
    kill_at_ = Clock::now() +
               std::chrono::milliseconds(static_cast<std::int64_t>(options_.grace_seconds * 1000));
    const std::string how = WIFSIGNALED(status)
                                ? "was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
                                      ::strsignal(WTERMSIG(status)) + ")"
                                : "failed with exit code " + std::to_string(WEXITSTATUS(status));
    const std::string message = "launch: rank " + std::to_string(failed) + " " + how +
                                (num_running() > 0 ? "; ending the others\n" : "\n");
    ::dprintf(STDERR_FILENO, "%s", message.c_str());
    send_to_all(SIGTERM);
  }

  void kill_when_due() {
    if (!kill_at_.has_value() || Clock::now() < *kill_at_) return;
    send_to_all(SIGKILL);
    kill_at_.reset();
  }

  int result() const {
    if (first_failure_.has_value()) return *first_failure_;
    for (const Rank& rank : ranks_) {
      if (rank.code == kStopped) return kStopped;
    }
    return 0;
  }

  const LaunchOptions& options_;
  TextArray arguments_;
  int port_;
  SignalQueue signals_;
  util::FileDescriptor null_device_{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  std::vector<Rank> ranks_;
  std::list<RankStream> streams_;
  std::optional<int> first_failure_;
  std::optional<Clock::time_point> kill_at_;
};

}  // namespace

int launch(const LaunchOptions& options) {
  util::require(options.ranks >= 1, "launch: ranks must be >= 1, got ", options.ranks);
  util::require(!options.command.empty(), "launch: expected a command to run");
  return Launcher(options).run();
}

}  // namespace superpose::distributed
