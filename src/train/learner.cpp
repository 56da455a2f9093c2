#include "train/learner.h"

namespace superpose::train {
model::DecoderOptions decoder_options(const RunConfig& config) {
  model::DecoderOptions options;
  options.recompute_every = config.train.recompute_every;
  options.reset_attention = config.data.reset_attention;
  options.reset_positions = config.data.reset_positions;
  options.z_loss = config.optim.z_loss;
  options.balance = config.optim.balance;
  options.positions_per_step = config.train.batch_positions;
  return options;
}

Learner::Learner(const model::ModelConfig& model, const optim::OptimConfig& optim,
                 Precision precision, at::Device device, const model::DecoderOptions& options)
    : parameters(model::decoder_units(model), device,
                 precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat),
      decoder(model, parameters, options),
      optimizer(optim, parameters),
      clip_norm(optim.clip_norm) {}

}  // namespace superpose::train
