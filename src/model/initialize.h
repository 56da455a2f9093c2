// The one initialisation of a decoder.
#pragma once

#include <cstdint>

#include "model/flat_parameters.h"
#include "model/model_config.h"

namespace superpose::model {

// Fills the master (and refreshes the compute copy). With std = config.init_std, or 0.02 where that
// is auto:
//
//   weight                                              initial value
//   model.embed_tokens, lm_head                         N(0, std^2)
//   q_proj, k_proj, v_proj, gate_proj, up_proj          N(0, std^2)
//   o_proj, down_proj (they write the residual stream)  N(0, std^2 / (2 num_layers))
//   every norm                                          1
//   every bias                                          0
//
// Element i of a weight is element i of the counter-based stream (seed, "init", name): the values
// depend neither on order, device, sharding or threads nor on the other weights. Does nothing on
// the meta device beyond checking names.
void initialize(FlatParameters& parameters, const ModelConfig& config, std::uint64_t seed);

// The same for the embedding and the head alone, from other random numbers: of the stream "draw",
// which further calls with another `draw` do not share.
void draw_embedding_and_head(FlatParameters& parameters, const ModelConfig& config,
                             std::uint64_t seed, std::int64_t draw);

}  // namespace superpose::model
