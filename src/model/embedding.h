// The table that bags of token ids are averaged from.
#pragma once

#include <vector>

#include "model/block.h"

namespace superpose::model {

BlockSpec embedding_spec(const ModelConfig& config);
std::vector<StepPart> embedding_parts(const ModelConfig& config, const StepShape& shape);

class Embedding {
 public:
  explicit Embedding(const FlatParameters& parameters);

  // ids [B, L, a] int64, -1 = padding within a bag. Returns the mean of each bag's rows, [N, D].
  at::Tensor forward(const at::Tensor& ids, Gradients gradients) const;

  const Weight& table() const { return table_; }  // [V, D], the head's too where they are tied

 private:
  Weight table_;
};

}  // namespace superpose::model
