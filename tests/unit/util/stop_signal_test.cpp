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
  struct sigaction before {};
  struct sigaction after {};
  ::sigaction(SIGTERM, nullptr, &before);
  { const StopSignal stop; }
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
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
