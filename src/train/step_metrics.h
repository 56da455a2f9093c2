// The numbers of a step that are added up over micro-batches and ranks: which there are, and how
// they travel with the gradients in the one collective of a step.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace superpose::train {

// How a metric's sum is held. An integer travels as four parts of 16 bits, so that sums are exact
// in f32 for up to 256 ranks; they are modulo 2^64.
enum class SumKind { kFloat, kInteger };

struct StepMetric {
  std::string_view name;
  SumKind kind;
};

// A new metric is a line here, a writer where it is known, and a reader where it is wanted.
enum class Metric : std::size_t { kLoss, kStopVotes, kRawTokens, kIdsHash };
inline constexpr std::array kStepMetrics = {
    StepMetric{"loss", SumKind::kFloat},          // nats per target token
    StepMetric{"stop_votes", SumKind::kInteger},  // ranks
    StepMetric{"raw_tokens", SumKind::kInteger},  // tokens
    StepMetric{"ids_hash", SumKind::kInteger},    // modulo 2^64
};

// Elements that all metrics take up.
std::int64_t step_metrics_size();

// The metrics in a flat f32 tensor of at least step_metrics_size() elements, zero where a step
// begins; storage is shared.
class StepMetrics {
 public:
  explicit StepMetrics(at::Tensor elements) : elements_(std::move(elements)) {}

  // A scalar view to add to, on the device; `metric` is a float.
  at::Tensor sum(Metric metric) const;
  // This rank's whole contribution; `metric` is an integer.
  void set(Metric metric, std::uint64_t value) const;

  // What is there after the collective: the sums over ranks.
  struct Sums {
    std::array<double, kStepMetrics.size()> floats{};
    std::array<std::uint64_t, kStepMetrics.size()> integers{};
    double float_of(Metric metric) const { return floats[static_cast<std::size_t>(metric)]; }
    std::uint64_t integer_of(Metric metric) const {
      return integers[static_cast<std::size_t>(metric)];
    }
  };
  // Waits for the device once.
  Sums read() const;

 private:
  at::Tensor elements_;
};

}  // namespace superpose::train
