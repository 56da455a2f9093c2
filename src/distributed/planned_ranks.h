// Ranks that are not there.
#pragma once

#include <cstdint>
#include <string>

#include "distributed/collective.h"

namespace superpose::distributed {

// Rank 0 of ranks that do not run, for a plan: operations leave what rank 0 holds as it is.
class PlannedRanks final : public Collective {
 public:
  explicit PlannedRanks(std::int64_t ranks) : ranks_(static_cast<int>(ranks)) {}
  int rank() const override { return 0; }
  int world_size() const override { return ranks_; }
  void all_reduce_sum(const at::Tensor& /*tensor*/) override {}
  void broadcast(const at::Tensor& /*tensor*/, int /*root*/) override {}
  void barrier() override {}
  std::string broadcast_text(const std::string& text, int /*root*/) override { return text; }

 private:
  int ranks_;
};

}  // namespace superpose::distributed
