// A process of the tests of distributed: `distributed_rank MODE [ARGUMENT ...]`.
//
//   reduce             checks sums, broadcasts and texts; 0 if all are right
//   die-after N CODE   N barriers; then rank 1 ends with CODE, the others must get an error in the
//                      next one, print it and end with 1
//   hang               rank 1 stays away; the others must get an error after 1 s
//   work-alone SECONDS [CODE]
//                      rank 0 works that long alone, under a time limit of 1 s, then ends with CODE
//                      where there is one; the others must get its result, or an error
//   until-signal       connects, waits for one of util::kStopSignals, ends with 3
//   launch MODE ...    launches two ranks of this program
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "distributed/collective.h"
#include "distributed/launch.h"
#include "util/error.h"
#include "util/stop_signal.h"

namespace {

using superpose::distributed::Collective;
using superpose::distributed::make_collective;
using superpose::distributed::rendezvous_from_environment;
namespace util = superpose::util;

// Seconds after which a rank ends by itself, so that a fault fails a test instead of hanging it.
constexpr unsigned kPatience = 20;

// No two ranks, places or rounds alike, and the sums not exact in f32.
float element(int rank, std::int64_t i) {
  return 0.1F * static_cast<float>(i % 1013) + 1.7F * static_cast<float>(rank + 1);
}

at::Tensor make(int rank, std::int64_t size) {
  const at::Tensor tensor = at::empty({size}, at::kFloat);
  for (std::int64_t i = 0; i < size; ++i) tensor.mutable_data_ptr<float>()[i] = element(rank, i);
  return tensor;
}

void check_sum(Collective& group, std::int64_t size) {
  const at::Tensor sum = make(group.rank(), size);
  group.all_reduce_sum(sum);
  for (std::int64_t i = 0; i < size; ++i) {
    double expected = 0;
    for (int rank = 0; rank < group.world_size(); ++rank) expected += element(rank, i);
    const double error = std::abs(expected - static_cast<double>(sum.data_ptr<float>()[i]));
    // One rounding, of at most half a unit in the last place, an addition.
    const double bound = group.world_size() * expected * 0x1p-24;
    util::require(error <= bound, "sum of size ", size, " at ", i, ": off by ", error);
  }
  const at::Tensor again = make(group.rank(), size);
  group.all_reduce_sum(again);
  util::require(again.equal(sum), "sum of size ", size, ": other bits the second time");
  const at::Tensor of_rank_0 = sum.clone();
  group.broadcast(of_rank_0, 0);
  util::require(of_rank_0.equal(sum), "sum of size ", size, ": other bits on rank 0");
}

void check_broadcasts(Collective& group) {
  for (int root = 0; root < group.world_size(); ++root) {
    for (const auto dtype : {at::kFloat, at::kBFloat16, at::kLong, at::kByte}) {
      const at::Tensor tensor = at::full({3, 5}, group.rank() + 1, at::TensorOptions(dtype));
      group.broadcast(tensor, root);
      util::require(tensor.eq(root + 1).all().item<bool>(), "broadcast from ", root);
    }
    const std::string own = "text of " + std::to_string(group.rank());
    const std::string text = group.broadcast_text(own, root);
    util::require(text == "text of " + std::to_string(root), "broadcast_text: got ", text);
    util::require(group.broadcast_text(std::string(), root).empty(), "broadcast_text of nothing");
    const std::string zeros(100'000, '\0');
    util::require(group.broadcast_text(zeros, root) == zeros, "broadcast_text of zeros");
  }
}

int reduce() {
  const auto group = make_collective(rendezvous_from_environment());
  util::require(group->world_size() >= 2, "expected several ranks");
  for (const std::int64_t size : {1, 2, 7, 1000, 300'001}) check_sum(*group, size);
  check_broadcasts(*group);
  group->barrier();
  return 0;
}

int expect_error(Collective& group) {
  try {
    group.all_reduce_sum(make(group.rank(), 1000));
  } catch (const util::Error& error) {
    std::fprintf(stdout, "ERROR %s\n", error.what());
    std::fflush(stdout);
    // The launcher is to see the other rank's end first, however busy the machine is.
    ::usleep(300'000);
    return 1;
  }
  return 0;
}

int die_after(int rounds, int code) {
  const auto group = make_collective(rendezvous_from_environment());
  // The launcher ends the others too; here the collective has to do it.
  ::signal(SIGTERM, SIG_IGN);
  for (int i = 0; i < rounds; ++i) group->barrier();
  if (group->rank() == 1) ::_exit(code);
  return expect_error(*group);
}

int hang() {
  auto rendezvous = rendezvous_from_environment();
  rendezvous->timeout_seconds = 1;
  const auto group = make_collective(rendezvous);
  if (group->rank() == 1) {
    ::sleep(kPatience);  // ended by the launcher long before
    return 0;
  }
  return expect_error(*group);
}

int work_alone(int seconds, int code) {
  auto rendezvous = rendezvous_from_environment();
  rendezvous->timeout_seconds = 1;
  const auto group = make_collective(rendezvous);
  // The launcher ends the others too; here the collective has to do it.
  ::signal(SIGTERM, SIG_IGN);
  const auto work = [&]() -> std::string {
    ::sleep(static_cast<unsigned>(seconds));
    if (code != 0) ::_exit(code);
    return "done by " + std::to_string(group->rank());
  };
  try {
    const std::string result = group->broadcast_result(work, 0);
    util::require(result == "done by 0", "broadcast_result: got ", result);
  } catch (const util::Error& error) {
    std::fprintf(stderr, "ERROR %s\n", error.what());
    ::usleep(300'000);
    return 1;
  }
  group->barrier();
  return 0;
}

volatile sig_atomic_t signals_seen = 0;

int until_signal() {
  const auto count = [](int) { signals_seen = signals_seen + 1; };
  for (const int number : util::kStopSignals) ::signal(number, count);
  const auto group = make_collective(rendezvous_from_environment());
  group->barrier();
  if (group->rank() == 0) {
    std::puts("READY");
    std::fflush(stdout);
  }
  ::alarm(kPatience);
  while (signals_seen == 0) ::usleep(2000);
  ::usleep(50'000);
  // A signal that came twice (from the launcher, and as a member of its group) would be a bug.
  return signals_seen == 1 ? 3 : 9;
}

int run(const std::vector<std::string>& arguments, const std::string& program) {
  const std::string& mode = arguments.at(0);
  if (mode == "reduce") return reduce();
  if (mode == "die-after") return die_after(std::stoi(arguments.at(1)), std::stoi(arguments.at(2)));
  if (mode == "hang") return hang();
  if (mode == "work-alone") {
    return work_alone(std::stoi(arguments.at(1)),
                      arguments.size() > 2 ? std::stoi(arguments[2]) : 0);
  }
  if (mode == "until-signal") return until_signal();
  if (mode == "launch") {
    superpose::distributed::LaunchOptions options{.ranks = 2, .command = arguments};
    options.command[0] = program;
    return superpose::distributed::launch(options);
  }
  util::fail("unknown mode ", mode);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc}, argv[0]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
