#include "model/initialize.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <span>
#include <string>

#include "util/random.h"

namespace superpose::model {
namespace {

void fill(const at::Tensor& weight, const Parameter& parameter, std::uint64_t seed, double std) {
  const at::Tensor values = weight.is_cpu() ? weight : at::empty(weight.sizes(), at::kFloat);
  const std::span<float> elements(values.mutable_data_ptr<float>(),
                                  static_cast<std::size_t>(values.numel()));
  util::fill_normal(elements, util::stream_key(seed, "init", parameter.name), 0, 0.0, std);
  if (!weight.is_cpu()) weight.copy_(values);
}

template <class Wanted>
void initialize_where(FlatParameters& parameters, const ModelConfig& config, std::uint64_t seed,
                      const Wanted& wanted) {
  const double std = config.init_std.value();
  const double residual_std = std / std::sqrt(2.0 * static_cast<double>(config.num_layers));
  for (const Parameter& parameter : parameters.list()) {
    const at::Tensor weight = parameters.view(parameter.name);
    if (weight.is_meta() || !wanted(parameter)) continue;
    if (parameter.init == Init::kOnes) {
      weight.fill_(1.0);
    } else if (parameter.init == Init::kZeros) {
      weight.zero_();
    } else {
      fill(weight, parameter, seed, parameter.init == Init::kResidual ? residual_std : std);
    }
  }
  parameters.refresh_compute();
}

}  // namespace

void initialize(FlatParameters& parameters, const ModelConfig& config, std::uint64_t seed) {
  initialize_where(parameters, config, seed, [](const Parameter&) { return true; });
}

void draw_embedding_and_head(FlatParameters& parameters, const ModelConfig& config,
                             std::uint64_t seed, std::int64_t draw) {
  initialize_where(parameters, config,
                   util::stream_key(seed, "init.draw_again", std::to_string(draw)),
                   [](const Parameter& parameter) {
                     return parameter.role == Role::kEmbedding || parameter.role == Role::kHead;
                   });
}

}  // namespace superpose::model
