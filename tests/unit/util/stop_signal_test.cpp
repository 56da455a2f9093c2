#include "util/stop_signal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "util/error.h"

namespace superpose::util {
namespace {

TEST(StopSignal, FirstSignalSetsTheFlag) {
  for (const int number : {SIGTERM, SIGINT}) {
    const StopSignal stop;
    EXPECT_FALSE(stop.requested());
    ::raise(number);
    EXPECT_TRUE(stop.requested());
    EXPECT_EQ(stop.signal_number(), number);
  }
}

TEST(StopSignal, OnlyOneAtATime) {
  const StopSignal stop;
  EXPECT_THROW(StopSignal(), Error);
}

TEST(StopSignal, RestoresTheHandlersThatItFound) {
  for (const int number : {SIGTERM, SIGINT}) {
    // A handler that nothing else in this program installs.
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    struct sigaction before {};
    struct sigaction after {};
    ::sigaction(number, &ignore, &before);
    { const StopSignal stop; }
    ::sigaction(number, &before, &after);
    EXPECT_EQ(after.sa_handler, SIG_IGN);
  }
}

using StopSignalDeathTest = ::testing::Test;

TEST(StopSignalDeathTest, SecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        const StopSignal stop;
        ::raise(SIGINT);
        ::raise(SIGTERM);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace superpose::util
