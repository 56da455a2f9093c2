#include "distributed/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "support/names.h"
#include "util/error.h"
#include "util/process.h"
#include "util/stop_signal.h"

namespace superpose::distributed {
namespace {

using test::names;
using testing::HasSubstr;

int launch_shell(int ranks, const std::string& script, double grace_seconds = 20) {
  return launch({.ranks = ranks,
                 .command = {"sh", "-c", script},
                 .grace_seconds = grace_seconds,
                 .output = RankOutput::kFirst});
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

TEST(Launch, SetsTheEnvironmentOfEachRank) {
  EXPECT_EQ(launch_shell(3,
                         "test $WORLD_SIZE = 3 && test $LOCAL_WORLD_SIZE = 3 && "
                         "test $RANK = $LOCAL_RANK && test $RANK -lt 3 && "
                         "test $MASTER_ADDR = 127.0.0.1 && test $MASTER_PORT -gt 1023"),
            0);
}

TEST(Launch, ReplacesTheEnvironmentOfAnOuterLauncher) {
  ::setenv("RANK", "77", 1);
  ::setenv("TORCHELASTIC_USE_AGENT_STORE", "True", 1);
  EXPECT_EQ(launch_shell(1, "test $RANK = 0 && test -z \"$TORCHELASTIC_USE_AGENT_STORE\""), 0);
  ::unsetenv("RANK");
  ::unsetenv("TORCHELASTIC_USE_AGENT_STORE");
}

TEST(Launch, ReturnsTheCodeOfTheRankThatFailed) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch_shell(2, "test $RANK = 0 || exit 7; sleep 30"), 7);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), names("rank 1", "exit code 7"));
}

TEST(Launch, EndsTheOthersWhenOneFails) {
  const Stopwatch watch;
  EXPECT_EQ(launch_shell(3, "test $RANK != 2 || exit 5; sleep 30"), 5);
  EXPECT_LT(watch.seconds(), 10);
}

TEST(Launch, KillsThoseThatDoNotEndByThemselves) {
  const Stopwatch watch;
  // The failing rank waits until the other has set its trap.
  EXPECT_EQ(launch_shell(2,
                         "test $RANK = 0 || { sleep 0.3; exit 5; }; trap '' TERM; "
                         "while :; do sleep 0.05; done",
                         0.2),
            5);
  EXPECT_GE(watch.seconds(), 0.5);
  EXPECT_LT(watch.seconds(), 10);
}

TEST(Launch, NamesTheSignalThatEndedARank) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch_shell(2, "test $RANK = 0 || kill -9 $$; sleep 30"), 128 + SIGKILL);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), names("rank 1", "signal 9"));
}

TEST(Launch, LetsTheOthersFinishWhenOneStoppedWithACheckpoint) {
  EXPECT_EQ(launch_shell(2, "test $RANK = 0 || exit 3; sleep 0.3; exit 3"), 3);
  // Not cut short: rank 0 gets to its end and that is what counts.
  EXPECT_EQ(launch_shell(2, "test $RANK = 0 || exit 3; sleep 0.3; exit 4"), 4);
  EXPECT_EQ(launch_shell(2, "test $RANK = 0 || exit 3"), 3);
}

TEST(Launch, SaysThatACommandCannotBeStarted) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch({.ranks = 1, .command = {"/no/such/program"}}), 127);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), names("/no/such/program"));
}

TEST(Launch, RefusesNonsense) {
  EXPECT_THROW(launch({.ranks = 0, .command = {"true"}}), util::Error);
  EXPECT_THROW(launch({.ranks = 2, .command = {}}), util::Error);
}

TEST(Launch, ShowsRankZeroAndTheErrorsOfTheOthers) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch_shell(2, "echo out $RANK; echo err $RANK >&2; printf 'no end' >&2"), 0);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "out 0\n");
  const std::string errors = testing::internal::GetCapturedStderr();
  EXPECT_THAT(errors, HasSubstr("[rank 1] err 1\n"));
  EXPECT_THAT(errors, HasSubstr("[rank 1] no end\n"));
  EXPECT_THAT(errors, HasSubstr("err 0\n"));
  EXPECT_THAT(errors, testing::Not(HasSubstr("[rank 0]")));
}

TEST(Launch, PrefixesEverythingWhenAsked) {
  testing::internal::CaptureStdout();
  launch({.ranks = 2,
          .command = {"sh", "-c", "echo a; echo b"},
          .grace_seconds = 1,
          .output = RankOutput::kAll});
  const std::string output = testing::internal::GetCapturedStdout();
  for (const char* line : {"[rank 0] a\n", "[rank 0] b\n", "[rank 1] a\n", "[rank 1] b\n"}) {
    EXPECT_THAT(output, HasSubstr(line));
  }
}

// A launcher in a process of its own, so that it can be signalled.
class LauncherProcess {
 public:
  explicit LauncherProcess(const char* mode) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw util::Error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execl(SUPERPOSE_RANK_PROGRAM, SUPERPOSE_RANK_PROGRAM, "launch", mode, nullptr);
      ::_exit(99);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~LauncherProcess() { ::close(output_); }
  LauncherProcess(const LauncherProcess&) = delete;
  LauncherProcess& operator=(const LauncherProcess&) = delete;

  // Up to the first byte, or the end, of the ranks' output.
  bool wait_for_output() const {
    char byte = 0;
    return ::read(output_, &byte, 1) == 1;
  }
  // True once no process holds the ranks' output any more.
  bool wait_for_silence() const {
    std::array<char, 256> buffer;
    ssize_t count = 0;
    while ((count = ::read(output_, buffer.data(), buffer.size())) > 0) {
    }
    return count == 0;
  }
  void send(int signal) const { ::kill(pid_, signal); }
  int wait() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return util::exit_code(status);
  }

 private:
  pid_t pid_ = 0;
  int output_ = -1;
};

class LaunchSignal : public testing::TestWithParam<int> {};

TEST_P(LaunchSignal, ReachesEveryRankOnce) {
  const LauncherProcess launcher("until-signal");
  ASSERT_TRUE(launcher.wait_for_output());
  launcher.send(GetParam());
  EXPECT_EQ(launcher.wait(), 3);
}

INSTANTIATE_TEST_SUITE_P(Signals, LaunchSignal, testing::ValuesIn(util::kStopSignals));

TEST(Launch, AKilledLauncherTakesItsRanksAlong) {
  const LauncherProcess launcher("until-signal");
  ASSERT_TRUE(launcher.wait_for_output());
  launcher.send(SIGKILL);
  EXPECT_EQ(launcher.wait(), 128 + SIGKILL);
  EXPECT_TRUE(launcher.wait_for_silence());
}

}  // namespace
}  // namespace superpose::distributed
