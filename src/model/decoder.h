// The decoder-only Transformer, from bags of token ids to a loss.
//
// B rows, L positions, a tokens averaged per position, b targets per position, D hidden_size,
// V vocab_size.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "model/flat_parameters.h"
#include "model/model_config.h"
#include "model/recompute.h"
#include "ops/rotary_heads.h"

namespace superpose::model {

// The weights of a decoder with Hugging Face's names, in the order in which they are stored.
// `config` is resolved.
std::vector<ParameterSpec> decoder_parameters(const ModelConfig& config);

// kAccumulate: the result carries a graph, and backward() adds every weight's gradient to
// FlatParameters::gradient(). kNone: no graph, nothing kept.
enum class Gradients { kNone, kAccumulate };

// What a decoder reads. Made of ids alone where each row is one text.
struct DecoderInput {
  // NOLINTNEXTLINE(google-explicit-constructor): ids are the whole of most inputs.
  DecoderInput(at::Tensor token_ids, at::Tensor starts = {})
      : ids(std::move(token_ids)), document_starts(std::move(starts)) {}

  at::Tensor ids;  // [B, L, a] int64, -1 = padding within a bag (at least one valid)
  // [B, L] int64: of each position, the first one of its document; undefined: 0 everywhere. Not
  // decreasing within a row, and 0 <= start <= position.
  at::Tensor document_starts;
};

struct DecoderOptions {
  // Where a graph is kept, every k-th layer keeps its input alone (recompute.h): 1 = all, 0 = none.
  // Losses and gradients are bit for bit the same.
  std::int64_t recompute_every = 0;
  // What the starts of documents do. Without either they are not looked at.
  bool reset_attention = false;  // a document attends to itself alone
  bool reset_positions = false;  // rotary positions count from the document's start
  // Weight of the z-loss (ops::MultiHotOptions) in losses that are trained on, that is with
  // Gradients::kAccumulate.
  double z_loss = 0;
};

// Bound to views of `parameters`, which must outlive it and hold exactly
// decoder_parameters(config). Holds no state of its own but a table of rotary angles; one thread at
// a time.
//
//   latent   x  = mean of the embedding rows of a bag
//   layer    x += o(attention(rotate(q), rotate(k), v))   with q, k, v of norm(x)
//            x += down(silu(gate(n)) * up(n))             with n = norm(x)
//   hidden      = norm(x)
//
// Attention is causal over positions 0..L-1, whatever the bag size; scale head_dim^-0.5. With both
// resets a document packed into a row comes out as it would alone.
class Decoder {
 public:
  Decoder(const ModelConfig& resolved, const FlatParameters& parameters,
          const DecoderOptions& options = {});

  const ModelConfig& config() const { return config_; }
  at::Device device() const { return head_.value.device(); }

  // Returns [B * L, D] in the compute type. Throws c10::ValueError for an input of another shape,
  // or L > max_positions.
  at::Tensor hidden(const DecoderInput& input, Gradients gradients) const;

  // With z_j the logits of position j, and j over the positions whose target i is valid:
  //
  //   loss = sum_i coefficients[i] * sum_j [logsumexp(z_j) - z_j[targets[j, i]]]
  //
  //   targets       [B, L, b]  int64, -100 = ignored
  //   coefficients  [b]        f32: w_i / n_i for the loss of docs/architecture.md (n_i over the
  //                            whole step); ones for a plain sum
  //   returns       scalar     f32
  at::Tensor loss(const DecoderInput& input, const at::Tensor& targets,
                  const at::Tensor& coefficients, Gradients gradients) const;

  // -log p of each position's target, without a graph; logits exist for some rows at a time.
  //
  //   targets  [B, L] int64, below the vocabulary's size; -100 = ignored
  //   returns  [B, L] f32 on the device of the weights, nats; 0 where ignored
  at::Tensor token_losses(const DecoderInput& input, const at::Tensor& targets) const;

  // Logits of all positions, [B, L, V] f32, without a graph: for generation and tests, not for
  // training.
  at::Tensor logits(const DecoderInput& input) const;

 private:
  // A weight as operators take it: its values in the compute type, and the f32 view that its
  // gradient is added to.
  struct Weight {
    at::Tensor value, gradient;
  };
  struct Layer {
    Weight attention_norm, qkv, query_norm, key_norm, output, ffn_norm, gate_up, down;
  };
  // What all layers of a pass share.
  struct Pass {
    std::int64_t rows = 0;       // B
    ops::RotaryAngles angles;    // of each position
    at::Tensor document_starts;  // for attention; undefined: a row is one document
    Gradients gradients = Gradients::kNone;
  };

  Pass begin(const DecoderInput& input, Gradients gradients) const;

  // The residual stream with its update added, and the norm of that.
  std::pair<at::Tensor, at::Tensor> norm(const Weight& weight, const Residual& in,
                                         Gradients gradients) const;
  // The same sum, and the product of its norm with `weight`; `name` as for product().
  std::pair<at::Tensor, at::Tensor> normed_product(const char* name, const Weight& norm,
                                                   const Residual& in, const Weight& weight,
                                                   Gradients gradients) const;
  // x weight^T; `name` is how the product is called where a step is measured.
  static at::Tensor product(const char* name, const at::Tensor& x, const Weight& weight,
                            Gradients gradients);
  // From queries, keys and values of all heads, as the product makes them, to the layer's update.
  at::Tensor attention(const Layer& layer, const at::Tensor& projected, const Pass& pass) const;
  Residual after(const Layer& layer, const Residual& in, const Pass& pass) const;

  ModelConfig config_;
  DecoderOptions options_;
  Weight embedding_, head_, last_norm_;
  std::vector<Layer> layers_;
  at::Tensor cosines_, sines_;  // [max_positions, head_dim / 2] f32
};

}  // namespace superpose::model
