// A small decoder with its weights, and random batches for it.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <c10/core/CPUAllocator.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/decoder.h"
#include "model/initialize.h"

namespace superpose::test {

inline model::ModelConfig small_config() {
  model::ModelConfig config;
  config.vocab_size = 64;
  config.hidden_size = 24;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 8;
  config.ffn_size = 40;
  return config;
}

// small_config() in each architecture that there is: what it is called, and its shape.
inline std::vector<std::pair<std::string, model::ModelConfig>> dense_architectures() {
  model::ModelConfig qwen3 = small_config();
  qwen3.qk_norm = model::Toggle::kOn;
  model::ModelConfig qwen2 = small_config();
  qwen2.qkv_bias = model::Toggle::kOn;
  model::ModelConfig smollm3 = small_config();
  smollm3.no_rope_interval = 2;
  return {{"llama", small_config()}, {"qwen3", qwen3}, {"qwen2", qwen2}, {"smollm3", smollm3}};
}

inline std::vector<std::pair<std::string, model::ModelConfig>> architectures() {
  auto all = dense_architectures();
  model::ModelConfig moe = small_config();
  moe.qk_norm = model::Toggle::kOn;
  moe.moe = {.num_experts = 6, .experts_per_token = 2, .ffn_size = 12, .dense_layers = {0}};
  all.emplace_back("qwen3_moe", moe);
  return all;
}

struct SmallDecoder {
  explicit SmallDecoder(const model::ModelConfig& shape = small_config(),
                        at::Device device = at::kCPU, at::ScalarType compute = at::kFloat)
      : config(model::resolve(shape, 0)),
        parameters(model::decoder_units(config), device, compute),
        decoder(config, parameters) {
    model::initialize(parameters, config, 7);
  }
  model::ModelConfig config;
  model::FlatParameters parameters;
  model::Decoder decoder;
};

// Random ids of a shape, such as [rows, length, bag], below `vocabulary`: others at every call, the
// same in every run of a test, as the generator has a fixed seed.
inline at::Tensor random_ids(std::int64_t vocabulary, at::IntArrayRef shape) {
  static const at::Generator generator = at::detail::createCPUGenerator(5);
  return at::randint(vocabulary, shape, generator, at::TensorOptions().dtype(at::kLong));
}

// Coefficients of the plain mean: every target valid, uniform weights.
inline at::Tensor mean_coefficients(const at::Tensor& targets) {
  return at::full({targets.size(2)}, 1.0 / static_cast<double>(targets.numel()), at::kFloat);
}

}  // namespace superpose::test
