#include "optim/gradient_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace superpose::optim {
namespace {

// The sum is of chunks of this many elements, each of kLanes interleaved parts: an order that
// depends on nothing but the length. The square of an f32 is exact in f64, so that a fused
// multiply-add gives the same bits as two instructions.
constexpr std::int64_t kChunk = 16'384;
constexpr std::size_t kLanes = 16;

double chunk_sum(const float* values, std::int64_t size) {
  std::array<double, kLanes> lanes{};
  std::int64_t i = 0;
  for (; i + static_cast<std::int64_t>(kLanes) <= size; i += static_cast<std::int64_t>(kLanes)) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const auto value = static_cast<double>(values[i + static_cast<std::int64_t>(lane)]);
      lanes[lane] += value * value;
    }
  }
  double sum = 0;
  for (; i < size; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  for (const double lane : lanes) sum += lane;
  return sum;
}

double norm_on_cpu(const at::Tensor& gradient) {
  const auto* values = gradient.const_data_ptr<float>();
  const std::int64_t size = gradient.numel();
  const std::int64_t num_chunks = (size + kChunk - 1) / kChunk;
  std::vector<double> sums(static_cast<std::size_t>(num_chunks));
  at::parallel_for(0, num_chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      const std::int64_t first = chunk * kChunk;
      sums[static_cast<std::size_t>(chunk)] =
          chunk_sum(values + first, std::min(kChunk, size - first));
    }
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return std::sqrt(sum);
}

}  // namespace

double gradient_norm(const at::Tensor& gradient) {
  TORCH_CHECK_VALUE(
      gradient.dim() == 1 && gradient.scalar_type() == at::kFloat && gradient.is_contiguous(),
      "gradient_norm: expected a contiguous flat float32 tensor, got ", gradient.toString(),
      gradient.sizes());
  TORCH_CHECK_VALUE(!gradient.is_meta(), "gradient_norm: the meta device holds no values");
  if (gradient.is_cpu()) return norm_on_cpu(gradient);
  return at::linalg_vector_norm(gradient, 2, std::nullopt, false, at::kDouble).item<double>();
}

double clip_scale(double norm, double clip_norm) {
  constexpr double kEps = 1e-6;  // torch.nn.utils.clip_grad_norm_
  return clip_norm > 0 ? std::min(1.0, clip_norm / (norm + kEps)) : 1.0;
}

}  // namespace superpose::optim
