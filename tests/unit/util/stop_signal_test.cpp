#include "util/stop_signal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "util/error.h"

namespace superpose::util {
namespace {

// The disposition of a signal, put back at the end of the scope.
class Disposition {
 public:
  Disposition(int number, void (*handler)(int)) : number_(number) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(number_, &action, &before_);
  }
  ~Disposition() { ::sigaction(number_, &before_, nullptr); }
  Disposition(const Disposition&) = delete;
  Disposition& operator=(const Disposition&) = delete;

 private:
  int number_;
  struct sigaction before_ {};
};

TEST(StopSignal, FirstSignalSetsTheFlag) {
  for (const int number : kStopSignals) {
    const StopSignal stop;
    EXPECT_FALSE(stop.requested());
    ::raise(number);
    EXPECT_TRUE(stop.requested());
    EXPECT_EQ(stop.signal_number(), number);
  }
}

TEST(StopSignal, OneWithinAnotherSharesItsFlag) {
  const StopSignal outer;
  {
    const StopSignal inner;
    ::raise(SIGTERM);
    EXPECT_TRUE(inner.requested());
  }
  EXPECT_TRUE(outer.requested());
  const StopSignal later;  // a run that begins after the signal stops at once
  EXPECT_EQ(later.signal_number(), SIGTERM);
}

TEST(StopSignal, RestoresTheHandlersThatItFound) {
  for (const int number : kStopSignals) {
    for (void (*const found)(int) : {SIG_IGN, SIG_DFL}) {
      const Disposition disposition(number, found);
      { const StopSignal stop; }
      EXPECT_EQ(is_ignored(number), found == SIG_IGN);
    }
  }
}

TEST(StopSignal, AnIgnoredSignalStaysIgnored) {
  for (const int ignored : kStopSignals) {
    const Disposition disposition(ignored, SIG_IGN);
    const StopSignal stop;
    ::raise(ignored);
    EXPECT_FALSE(stop.requested());
    // Not even what gives the keyboard its default action back reaches it.
    ::raise(ignored == SIGTERM ? SIGHUP : SIGTERM);
    EXPECT_TRUE(stop.requested());
    ::raise(ignored);
    EXPECT_TRUE(is_ignored(ignored));
  }
}

// A terminal that is closed sends SIGHUP from the kernel and from the shell; systemd and batch
// systems send several signals, to the launcher and to its ranks.
TEST(StopSignal, MoreSignalsThanOneChangeNothing) {
  const StopSignal stop;
  ::raise(SIGHUP);
  for (const int number : {SIGHUP, SIGTERM, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU}) ::raise(number);
  EXPECT_EQ(stop.signal_number(), SIGHUP);
}

class StopSignalDeathTest : public ::testing::TestWithParam<int> {};

TEST_P(StopSignalDeathTest, TheKeyboardEndsAProcessThatIsToldAlready) {
  EXPECT_EXIT(
      {
        const StopSignal stop;
        ::raise(SIGTERM);
        ::raise(GetParam());
      },
      ::testing::KilledBySignal(GetParam()), "");
}

INSTANTIATE_TEST_SUITE_P(Keys, StopSignalDeathTest, ::testing::Values(SIGINT, SIGQUIT));

}  // namespace
}  // namespace superpose::util
