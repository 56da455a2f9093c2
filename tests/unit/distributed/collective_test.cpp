#include "distributed/collective.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "distributed/launch.h"
#include "distributed/network.h"
#include "support/error_of.h"
#include "util/error.h"

namespace superpose::distributed {
namespace {

using testing::MatchesRegex;

struct Outcome {
  int code = 0;
  std::string output;
  double seconds = 0;
};

Outcome launch_ranks(int ranks, std::vector<std::string> arguments, double grace_seconds = 20) {
  arguments.insert(arguments.begin(), SUPERPOSE_RANK_PROGRAM);
  const auto begin = std::chrono::steady_clock::now();
  testing::internal::CaptureStdout();
  const int code = launch({.ranks = ranks,
                           .command = std::move(arguments),
                           .grace_seconds = grace_seconds,
                           .output = RankOutput::kFirst});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  return {
      .code = code, .output = testing::internal::GetCapturedStdout(), .seconds = seconds.count()};
}

TEST(LocalCollective, IsTheIdentity) {
  const auto group = make_collective(std::nullopt);
  EXPECT_EQ(group->rank(), 0);
  EXPECT_EQ(group->world_size(), 1);
  const at::Tensor tensor = at::arange(5, at::kFloat);
  group->all_reduce_sum(tensor);
  group->broadcast(tensor, 0);
  group->barrier();
  EXPECT_TRUE(tensor.equal(at::arange(5, at::kFloat)));
  EXPECT_EQ(group->broadcast_text("as it is", 0), "as it is");
  EXPECT_THROW(group->broadcast(tensor, 1), util::Error);
}

TEST(LocalCollective, ServesAWorldOfOne) {
  const auto group = make_collective(Rendezvous{.rank = 0, .world_size = 1});
  EXPECT_EQ(group->world_size(), 1);
}

TEST(C10dCollective, TwoRanksSumAndBroadcast) { EXPECT_EQ(launch_ranks(2, {"reduce"}).code, 0); }

TEST(C10dCollective, ThreeRanksSumAndBroadcast) { EXPECT_EQ(launch_ranks(3, {"reduce"}).code, 0); }

TEST(C10dCollective, ARankThatDiesEndsTheOthersAtOnce) {
  const Outcome outcome = launch_ranks(2, {"die-after", "3", "7"});
  EXPECT_EQ(outcome.code, 7);
  // One line, with the rank and what it was doing; the time limit of 600 s plays no part.
  EXPECT_THAT(outcome.output, MatchesRegex("[^\n]*rank 0 of 2[^\n]*all_reduce_sum[^/\n]*"
                                           "([Cc]onnection (closed|reset)|Broken pipe)[^/\n]*\n"));
  EXPECT_LT(outcome.seconds, 10);
}

TEST(C10dCollective, ARankThatHangsEndsTheOthersAfterTheLimit) {
  const Outcome outcome = launch_ranks(2, {"hang"}, 0.1);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, MatchesRegex("[^\n]*rank 0 of 2[^\n]*all_reduce_sum[^\n]*"
                                           "[^0-9]1 s[^\n]*\n"));
  EXPECT_GE(outcome.seconds, 1);
  EXPECT_LT(outcome.seconds, 10);
}

// The limit of these ranks is 1 s: it must not count while rank 0 works alone.
TEST(C10dCollective, WorkOfOneRankMayTakeLongerThanTheLimit) {
  EXPECT_EQ(launch_ranks(2, {"work-alone", "3"}).code, 0);
  EXPECT_EQ(launch_ranks(3, {"work-alone", "0"}).code, 0);
}

TEST(C10dCollective, ARankThatDiesAtItsWorkEndsTheOthersAtOnce) {
  const Outcome outcome = launch_ranks(3, {"work-alone", "2", "7"});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_LT(outcome.seconds, 10);
}

TEST(C10dCollective, ARankThatNeverComesIsAnErrorAfterTheLimit) {
  const Rendezvous alone{.rank = 0,
                         .world_size = 2,
                         .local_world_size = 2,
                         .master_port = free_port(),
                         .timeout_seconds = 1};
  EXPECT_THAT(test::error_of([&] { make_collective(alone); }),
              MatchesRegex("distributed: rank 0 of 2: start: [^\n]*"));
}

TEST(Network, FindsTheAddressTowardsAHost) {
  EXPECT_EQ(address_towards("127.0.0.1", 29500), "127.0.0.1");
  EXPECT_TRUE(is_loopback(address_towards("localhost", 29500)));
  EXPECT_THROW(address_towards("no-such-host.invalid", 29500), util::Error);
}

}  // namespace
}  // namespace superpose::distributed
