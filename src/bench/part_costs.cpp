#include "bench/part_costs.h"

namespace superpose::bench {
namespace {

// x [N, in] times a weight [out, in]: as much again for the gradient of x, and of the weight.
PartCost product(double positions, std::int64_t in, std::int64_t out, std::int64_t layers) {
  const double once = 2 * positions * static_cast<double>(in * out * layers);
  return {CostUnit::kFlops, once, once, once};
}

// `forward` and `backward` values of the compute type move for each position.
PartCost traffic(const StepShape& shape, std::int64_t forward, std::int64_t backward) {
  const double bytes = static_cast<double>(shape.positions) * (shape.bf16 ? 2 : 4);
  return {CostUnit::kBytes, bytes * static_cast<double>(forward),
          bytes * static_cast<double>(backward), 0};
}

std::optional<PartCost> layer_cost(std::string_view part, const model::ModelConfig& config,
                                   const StepShape& shape) {
  const auto positions = static_cast<double>(shape.positions);
  const std::int64_t width = config.hidden_size;
  const std::int64_t layers = config.num_layers;
  const std::int64_t queries = config.num_heads * config.head_dim;
  const std::int64_t projected = queries + 2 * config.num_kv_heads * config.head_dim;
  const std::int64_t ffn = config.ffn_size;
  if (part == "norm") {
    // Sum and norm of two, and back; the first has nothing to add.
    const std::int64_t norms = 2 * layers + 1;
    return traffic(shape, (4 * norms - 2) * width, 4 * norms * width);
  }
  if (part == "qkv") return product(positions, width, projected, layers);
  if (part == "rotary") return traffic(shape, 2 * projected * layers, 2 * projected * layers);
  if (part == "attention") {
    // Two products of L / 2 keys on average, four in backward.
    const double once =
        2 * positions * static_cast<double>(shape.sequence_length * queries * layers);
    return PartCost{CostUnit::kFlops, once, 2 * once, 0};
  }
  if (part == "o") return product(positions, queries, width, layers);
  if (part == "gate_up") return product(positions, width, 2 * ffn, layers);
  // Recomputed in backward (ops/lean_linear.h).
  if (part == "swiglu") return traffic(shape, 3 * ffn * layers, (3 + 5) * ffn * layers);
  if (part == "down") return product(positions, ffn, width, layers);
  return std::nullopt;
}

// Bytes that a pass over the flat buffers moves for each parameter.
std::optional<PartCost> flat_pass_cost(std::string_view part, const StepShape& shape) {
  const auto pass = [&shape](std::int64_t bytes) {
    return PartCost{CostUnit::kBytes, static_cast<double>(shape.parameters * bytes), 0, 0};
  };
  if (part == "clear gradient") return pass(4);
  if (part == "gradient norm") return pass(4);
  // Four read, three of them written, and the bf16 copy.
  if (part == "optimizer") return pass(shape.bf16 ? 30 : 28);
  return std::nullopt;
}

}  // namespace

std::optional<PartCost> cost_of(std::string_view part, const model::ModelConfig& config,
                                const StepShape& shape) {
  const std::int64_t width = config.hidden_size;
  if (part == "embedding") {
    // Rows of the table; in backward rows of the f32 gradient, read and written.
    PartCost cost = traffic(shape, (shape.bag_size + 1) * width, width);
    cost.backward += 8.0 * static_cast<double>(shape.positions * shape.bag_size * width);
    return cost;
  }
  if (part == "head and loss") {
    // All three products run in forward; backward hands on.
    const double once =
        2 * static_cast<double>(shape.positions) * static_cast<double>(config.vocab_size * width);
    return PartCost{CostUnit::kFlops, 3 * once, 0, 0};
  }
  if (const auto cost = layer_cost(part, config, shape)) return cost;
  return flat_pass_cost(part, shape);
}

}  // namespace superpose::bench
