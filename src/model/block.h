// What a decoder is made of. A block says in one file which weights it has, runs forward, and
// says what it costs; a decoder is a list of blocks (decoder_layout.h).
//
// N positions of a pass, all rows together; D hidden_size.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/flat_parameters.h"
#include "model/model_config.h"
#include "model/recompute.h"
#include "model/router.h"
#include "model/step_parts.h"
#include "ops/cached_attention.h"
#include "ops/rotary_heads.h"

namespace superpose::model {

// kAccumulate: the result carries a graph, and backward() adds every weight's gradient to
// FlatParameters::gradient(). kNone: no graph, nothing kept.
enum class Gradients { kNone, kAccumulate };

// What a pass continues: sequences whose keys and values are kept.
struct Continued {
  std::vector<ops::KeyValueSlots> layers;  // of each layer
  at::Tensor slots, starts;                // [B] int64, as ops::cached_attention takes them
  // [N] int64: which of the B * L positions the stream holds, ascending; undefined: all of them.
  at::Tensor held;
};

// What all blocks of a pass share.
struct Pass {
  std::int64_t rows = 0;        // B; 1 where the stream holds a part of the positions
  ops::RotaryAngles angles;     // of each position
  ops::RotaryAngles no_angles;  // 0 at every position: nothing turns
  at::Tensor document_starts;   // for attention; undefined: a row is one document
  Gradients gradients = Gradients::kNone;
  const Continued* continued = nullptr;  // null: rows begin with this pass
  RouterLosses router_losses;
};

// A weight as operators take it: its values in the compute type, and the f32 view that its gradient
// is added to.
struct Weight {
  at::Tensor value, gradient;
  // The gradient that an operator may add to: undefined where none is wanted.
  const at::Tensor& wanted(Gradients gradients) const;
};

Weight weight_of(const FlatParameters& parameters, const std::string& name);
// One weight over joined ones, `first` to `last`.
Weight joined_weight(const FlatParameters& parameters, const std::string& first,
                     const std::string& last);

// A block on the residual stream.
class Block {
 public:
  virtual ~Block() = default;
  // Adds in.update to the stream and returns the sum, [N, D], and the block's own update of it.
  virtual Residual forward(const Residual& in, const Pass& pass) const = 0;
};

// What a block keeps for backward, for each position.
struct Activations {
  std::int64_t elements = 0;   // of the compute type
  std::int64_t f32 = 0;        // elements that are f32 in any case
  std::int64_t in_flight = 0;  // elements of the compute type that its own backward adds
};

// A block before it is built.
struct BlockSpec {
  std::vector<ParameterSpec> weights;
  std::vector<SumsSpec> sums;  // that its forward adds up (flat_parameters.h)
  // Forward and backward of one position, whatever the bag size: 6 for each weight of a product,
  // and attention's own.
  double flops_per_position = 0;
  std::int64_t idle_parameters = 0;  // that a position does not use: experts it does not go to
  Activations activations;
};

// A layer of the decoder, for a block that stands in it.
struct LayerId {
  std::int64_t index = 0;  // from 0
  std::string prefix;      // of its weights' names: "model.layers.3."
};

// A kind of block that layers are made of: what decoder_layout.cpp lists for each layer.
struct BlockKind {
  BlockSpec (*spec)(const ModelConfig& config, const LayerId& layer, std::int64_t sequence_length);
  std::vector<StepPart> (*parts)(const ModelConfig& config, const StepShape& shape);
  std::unique_ptr<Block> (*make)(const ModelConfig& config, const LayerId& layer,
                                 const FlatParameters& parameters);
};

// Runs a part of the model under a name that observers see; costs nothing worth mentioning where
// there is none.
template <class Run>
auto named_part(const char* name, const Run& run) {
  RECORD_USER_SCOPE(name);
  return run();
}

// x weight^T as a part of the step.
at::Tensor product(const char* name, const at::Tensor& x, const Weight& weight,
                   Gradients gradients);

// The stream with its update added, and the product of its norm with `weight`.
struct NormedProduct {
  at::Tensor sum, product;
};
NormedProduct normed_product(const char* name, const Weight& norm, double norm_eps,
                             const Residual& in, const Weight& weight, Gradients gradients);

// The part "norm" of a block on the stream: sum and norm of two, and back.
StepPart norm_part(const ModelConfig& config, const StepShape& shape);

}  // namespace superpose::model
