#include "doctor/subject.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "superposition/objective.h"

namespace superpose::doctor {
namespace {

constexpr std::int64_t kSampledPositions = 2048;

at::Tensor tensor_of(const std::vector<std::int64_t>& values, at::IntArrayRef shape,
                     at::Device device) {
  auto* data = const_cast<std::int64_t*>(values.data());
  return at::from_blob(data, shape, at::kLong).clone().to(device);
}

}  // namespace

std::int64_t sample_rows(const Subject& subject) {
  const train::TrainConfig& config = subject.spec.config.train;
  const std::int64_t rows = std::max<std::int64_t>(1, kSampledPositions / config.sequence_length);
  return std::min(rows, config.rows_per_step());
}

std::unique_ptr<const data::BatchSource> open_rows(const Subject& subject, std::int64_t rows) {
  const train::RunConfig& config = subject.spec.config;
  const train::Setup& setup = *subject.setup;
  data::BatchPlan plan;
  plan.phases = setup.phases;
  plan.sequence_length = config.train.sequence_length;
  plan.rows_per_step = rows;
  return std::make_unique<const data::BatchSource>(
      data::open_streams(setup.sources, {.seed = static_cast<std::uint64_t>(config.train.seed),
                                         .layouts = train::layouts_of(setup.start.state),
                                         .document_aware = config.data.document_aware}),
      plan);
}

data::Batch first_batch(const Subject& subject, const superposition::Phase& phase) {
  return subject.few_rows->load(phase.first_step);
}

BatchTensors tensors_of(const data::Batch& batch, const superposition::Phase& phase,
                        at::Device device) {
  const superposition::WindowShape& shape = batch.shape;
  const std::vector<float> factors = superposition::loss_coefficients(
      superposition::traits_of(phase.objective).terms, phase.slot_weights, batch.counts);
  auto* numbers = const_cast<float*>(factors.data());
  return {
      {tensor_of(batch.inputs, {batch.rows, shape.sequence_length, shape.bags.bag_size}, device),
       batch.document_starts.empty()
           ? at::Tensor()
           : tensor_of(batch.document_starts, {batch.rows, shape.sequence_length}, device)},
      tensor_of(batch.targets, {batch.rows, shape.sequence_length, shape.bags.target_size}, device),
      at::from_blob(numbers, std::ssize(factors), at::kFloat).clone().to(device)};
}

double rounding_of(const Subject& subject) {
  return subject.setup->precision == train::Precision::kBf16 ? std::exp2(-8) : std::exp2(-23);
}

const superposition::Phase& longest_bags(const Subject& subject) {
  const std::vector<superposition::Phase>& phases = subject.setup->phases;
  return *std::max_element(phases.begin(), phases.end(), [](const auto& a, const auto& b) {
    return a.bags.bag_size + a.bags.target_size < b.bags.bag_size + b.bags.target_size;
  });
}

std::string brief(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2g", value);
  return text;
}

std::string describe(const superposition::Phase& phase) {
  std::string text = "next-token prediction";
  if (!phase.bags.is_ntp()) {
    text = "bags of " + std::to_string(phase.bags.bag_size);
    if (phase.bags.target_size != phase.bags.bag_size) {
      text += " to " + std::to_string(phase.bags.target_size);
    }
  }
  const std::string_view objective = superposition::told_name(phase.objective);
  return objective.empty() ? text : text + " " + std::string(objective);
}

}  // namespace superpose::doctor
