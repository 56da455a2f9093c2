// A small decoder with its weights, and random batches for it.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <c10/core/CPUAllocator.h>

#include <cstdint>

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
