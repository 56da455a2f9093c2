// Two ranks one after the other in one process.
#pragma once

#include <string>

#include "distributed/collective.h"

namespace superpose::test {

// One of two ranks: the first keeps its sums, the second adds those that the other kept.
class HalfOfTwo : public distributed::Collective {
 public:
  HalfOfTwo(int rank, at::Tensor& kept) : rank_(rank), kept_(kept) {}
  int rank() const override { return rank_; }
  int world_size() const override { return 2; }
  void all_reduce_sum(const at::Tensor& tensor) override {
    if (rank_ == 0) {
      kept_ = tensor.clone();
    } else {
      tensor.add_(kept_);
    }
  }
  void broadcast(const at::Tensor&, int) override {}
  void barrier() override {}
  std::string broadcast_text(const std::string& text, int) override { return text; }

 private:
  int rank_;
  at::Tensor& kept_;
};

}  // namespace superpose::test
