#include "util/stop_signal.h"

#include <signal.h>

#include <atomic>

#include "util/error.h"

namespace superpose::util {
namespace {

// A signal handler can reach nothing but globals; StopSignal owns these while it lives.
std::atomic<int> g_received = 0;
std::atomic<bool> g_installed = false;
struct sigaction g_old_term;
struct sigaction g_old_int;
static_assert(std::atomic<int>::is_always_lock_free, "a handler may touch only lock-free atomics");

void on_signal(int number) {
  g_received.store(number);
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
}

}  // namespace

StopSignal::StopSignal() {
  require(!g_installed.exchange(true), "stop signal: handlers are installed already");
  g_received.store(0);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGTERM, &action, &g_old_term);
  ::sigaction(SIGINT, &action, &g_old_int);
}

StopSignal::~StopSignal() {
  ::sigaction(SIGTERM, &g_old_term, nullptr);
  ::sigaction(SIGINT, &g_old_int, nullptr);
  g_installed.store(false);
}

int StopSignal::signal_number() const { return g_received.load(); }

}  // namespace superpose::util
