// The ranks reach each other, and add up right.
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

constexpr std::int64_t kElements = 1 << 20;  // 4 MiB of f32

}  // namespace

double exchange(distributed::Collective& ranks) {
  const auto world = static_cast<float>(ranks.world_size());
  ranks.barrier();
  const double begin = util::steady_seconds();
  const at::Tensor sum = at::full({kElements}, static_cast<float>(ranks.rank() + 1), at::kFloat);
  ranks.all_reduce_sum(sum);
  const double seconds = util::steady_seconds() - begin;
  const float expected = world * (world + 1) / 2;
  util::require((sum == expected).all().item<bool>(), "ranks: numbers 1 to ", ranks.world_size(),
                " must add up to ", expected, ", got ", sum.min().item<float>(), " to ",
                sum.max().item<float>());
  const std::string word = ranks.broadcast_text("from rank 0", 0);
  util::require(word == "from rank 0", "ranks: rank 0 must be heard, got \"", word, "\"");
  return seconds;
}

Outcome check_ranks(Subject& subject) {
  if (subject.ranks.world_size() == 1) {
    return {.status = Status::kNotTried,
            .found = "one process",
            .next_step = "for a run of several: superpose launch -n N -- doctor RECIPE"};
  }
  util::require(subject.exchange_seconds.has_value(), subject.exchange_error);
  return {.found = std::to_string(subject.ranks.world_size()) +
                   " ranks reach each other; a sum of 4 MiB takes " +
                   util::format_duration(*subject.exchange_seconds)};
}

}  // namespace superpose::doctor
