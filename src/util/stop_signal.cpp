#include "util/stop_signal.h"

#include <atomic>

namespace superpose::util {
namespace {

// A signal handler can reach nothing but globals; StopSignal owns these while it lives.
std::atomic<int> g_received = 0;
std::atomic<bool> g_installed = false;
static_assert(std::atomic<int>::is_always_lock_free, "a handler may touch only lock-free atomics");

void restore_default(int signal_number) {
  if (!is_ignored(signal_number)) ::signal(signal_number, SIG_DFL);
}

void on_signal(int signal_number) {
  int none = 0;
  if (!g_received.compare_exchange_strong(none, signal_number)) return;
  restore_default(SIGINT);
  restore_default(SIGQUIT);
}

}  // namespace

bool is_ignored(int signal_number) {
  struct sigaction action {};
  return ::sigaction(signal_number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

StopSignal::StopSignal() : is_outermost_(!g_installed.exchange(true)) {
  if (!is_outermost_) return;
  g_received.store(0);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    const bool stays = is_ignored(kStopSignals[i]);
    ::sigaction(kStopSignals[i], stays ? nullptr : &action, &before_[i]);
  }
}

StopSignal::~StopSignal() {
  if (!is_outermost_) return;
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    ::sigaction(kStopSignals[i], &before_[i], nullptr);
  }
  g_installed.store(false);
}

int StopSignal::signal_number() const { return g_received.load(); }

}  // namespace superpose::util
