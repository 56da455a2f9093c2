#include "train/learner.h"

namespace superpose::train {
namespace {

std::vector<optim::Slice> slices_of(const model::FlatParameters& parameters) {
  const std::int64_t border = parameters.num_decayed();
  return {{0, border, true}, {border, parameters.size(), false}};
}

}  // namespace

Learner::Learner(const model::ModelConfig& model, const optim::OptimConfig& optim,
                 Precision precision, at::Device device, std::int64_t recompute_every)
    : parameters(model::decoder_parameters(model), device,
                 precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat),
      decoder(model, parameters, recompute_every),
      optimizer(optim, parameters.master(), parameters.gradient(), slices_of(parameters)),
      clip_norm(optim.clip_norm) {}

}  // namespace superpose::train
