#include "train/step_metrics.h"

#include <ATen/ops/from_blob.h>

#include "model/flat_parameters.h"

namespace superpose::train {
namespace {

constexpr std::size_t kParts = 4;
constexpr std::size_t kPartBits = 16;

constexpr std::size_t elements_of(SumKind kind) { return kind == SumKind::kInteger ? kParts : 1; }

constexpr std::size_t offset_of(std::size_t index) {
  std::size_t offset = 0;
  for (std::size_t i = 0; i < index; ++i) offset += elements_of(kStepMetrics[i].kind);
  return offset;
}

constexpr std::size_t kElements = offset_of(kStepMetrics.size());
static_assert(kElements <= model::FlatParameters::kMailbox,
              "the metrics of a step must fit behind the gradients");

std::size_t index_of(Metric metric, SumKind kind) {
  const auto index = static_cast<std::size_t>(metric);
  TORCH_CHECK_VALUE(kStepMetrics.at(index).kind == kind, "step metric ",
                    std::string(kStepMetrics[index].name), ": is held as the other kind of number");
  return index;
}

// Parts that were summed over ranks may have grown beyond 16 bits: adding carries them.
std::uint64_t joined(const float* parts) {
  std::uint64_t integer = 0;
  for (std::size_t part = 0; part < kParts; ++part) {
    integer += static_cast<std::uint64_t>(parts[part]) << (part * kPartBits);
  }
  return integer;
}

}  // namespace

std::int64_t step_metrics_size() { return static_cast<std::int64_t>(kElements); }

at::Tensor StepMetrics::sum(Metric metric) const {
  return elements_.select(0,
                          static_cast<std::int64_t>(offset_of(index_of(metric, SumKind::kFloat))));
}

void StepMetrics::set(Metric metric, std::uint64_t value) const {
  std::array<float, kParts> parts{};
  for (std::size_t part = 0; part < kParts; ++part) {
    parts[part] = static_cast<float>((value >> (part * kPartBits)) & 0xffffU);
  }
  const auto offset = static_cast<std::int64_t>(offset_of(index_of(metric, SumKind::kInteger)));
  elements_.narrow(0, offset, kParts).copy_(at::from_blob(parts.data(), {kParts}, at::kFloat));
}

StepMetrics::Sums StepMetrics::read() const {
  const at::Tensor host = elements_.narrow(0, 0, kElements).to(at::kCPU).contiguous();
  const float* values = host.const_data_ptr<float>();
  Sums sums;
  for (std::size_t i = 0; i < kStepMetrics.size(); ++i) {
    if (kStepMetrics[i].kind == SumKind::kInteger) {
      sums.integers[i] = joined(values + offset_of(i));
    } else {
      sums.floats[i] = values[offset_of(i)];
    }
  }
  return sums;
}

}  // namespace superpose::train
