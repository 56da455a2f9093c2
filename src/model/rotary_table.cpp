#include "model/rotary_table.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <cstddef>
#include <numbers>

namespace superpose::model {
namespace {

double scaled_llama3(double frequency, const RopeScaling& scaling) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const auto old = static_cast<double>(scaling.original_max_positions);
  if (wavelength < old / scaling.high_freq_factor) return frequency;
  if (wavelength > old / scaling.low_freq_factor) return frequency / scaling.factor;
  const double t = (old / wavelength - scaling.low_freq_factor) /
                   (scaling.high_freq_factor - scaling.low_freq_factor);
  return t * frequency + (1 - t) * frequency / scaling.factor;
}

}  // namespace

std::vector<double> rotary_frequencies(const ModelConfig& config) {
  std::vector<double> frequencies(static_cast<std::size_t>(config.head_dim / 2));
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim);
    const double frequency = std::pow(config.rope_theta, exponent);
    frequencies[i] = config.rope_scaling.kind == RopeScalingKind::kLlama3
                         ? scaled_llama3(frequency, config.rope_scaling)
                         : frequency;
  }
  return frequencies;
}

RotaryTable make_rotary_table(const ModelConfig& config, at::Device device) {
  const std::vector<double> frequencies = rotary_frequencies(config);
  const auto half = static_cast<std::int64_t>(frequencies.size());
  const auto options = at::TensorOptions().dtype(at::kFloat);
  RotaryTable table;
  if (device.is_meta()) {
    table.cosines = at::empty({config.max_positions, half}, options.device(device));
    table.sines = at::empty({config.max_positions, half}, options.device(device));
    return table;
  }
  const at::Tensor cosines = at::empty({config.max_positions, half}, options);
  const at::Tensor sines = at::empty({config.max_positions, half}, options);
  auto* cosine = cosines.mutable_data_ptr<float>();
  auto* sine = sines.mutable_data_ptr<float>();
  for (std::int64_t position = 0; position < config.max_positions; ++position) {
    for (const double frequency : frequencies) {
      const float angle = static_cast<float>(position) * static_cast<float>(frequency);
      *cosine++ = std::cos(angle);
      *sine++ = std::sin(angle);
    }
  }
  table.cosines = cosines.to(device);
  table.sines = sines.to(device);
  return table;
}

}  // namespace superpose::model
