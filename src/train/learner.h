// The model in training: weights, decoder and optimizer over the same flat buffers.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/decoder.h"
#include "model/flat_parameters.h"
#include "model/model_config.h"
#include "optim/optim_config.h"
#include "optim/optimizer.h"
#include "train/run_config.h"

namespace superpose::train {

// What a recipe says of how its decoder computes.
model::DecoderOptions decoder_options(const RunConfig& config);

// Not movable: decoder and optimizer are bound to the parameters.
struct Learner {
  // `model` is resolved, `precision` is f32 or bf16. Weights are zero until model::initialize or a
  // checkpoint fills them.
  Learner(const model::ModelConfig& model, const optim::OptimConfig& optim, Precision precision,
          at::Device device, const model::DecoderOptions& options = {});
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

  model::FlatParameters parameters;
  model::Decoder decoder;
  optim::Optimizer optimizer;
  double clip_norm;
};

}  // namespace superpose::train
