#include "model/embedding.h"

#include "ops/bag_embedding.h"

namespace superpose::model {
namespace {

constexpr const char* kTable = "model.embed_tokens.weight";

}  // namespace

BlockSpec embedding_spec(const ModelConfig& config) {
  BlockSpec spec;
  spec.weights = {{kTable, {config.vocab_size, config.hidden_size}, Role::kEmbedding}};
  spec.activations.elements = config.hidden_size;  // the means
  return spec;
}

std::vector<StepPart> embedding_parts(const ModelConfig& config, const StepShape& shape) {
  // Rows of the table; in backward rows of the f32 gradient, read and written.
  const std::int64_t width = config.hidden_size;
  PartCost cost = traffic_cost(shape, (shape.bag_size + 1) * width, width);
  cost.backward += 8.0 * static_cast<double>(shape.positions * shape.bag_size * width);
  return {{"embedding", cost}};
}

Embedding::Embedding(const FlatParameters& parameters) : table_(weight_of(parameters, kTable)) {}

at::Tensor Embedding::forward(const at::Tensor& ids, Gradients gradients) const {
  return named_part("embedding", [&] {
    return ops::bag_embedding_accumulate(table_.value, ids, table_.wanted(gradients))
        .view({ids.size(0) * ids.size(1), table_.value.size(1)});
  });
}

}  // namespace superpose::model
