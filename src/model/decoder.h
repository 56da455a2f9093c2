// The decoder-only Transformer, from bags of token ids to a loss.
//
// B rows, L positions, a tokens averaged per position, b targets per position, D hidden_size,
// V vocab_size.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "model/balance_config.h"
#include "model/block.h"
#include "model/decoder_layout.h"
#include "model/embedding.h"
#include "model/flat_parameters.h"
#include "model/head.h"
#include "model/model_config.h"
#include "model/objective.h"
#include "ops/row_by_row.h"

namespace superpose::model {

class KeyValueCache;

// What a decoder reads. Made of ids alone where each row is one text.
struct DecoderInput {
  // NOLINTNEXTLINE(google-explicit-constructor): ids are the whole of most inputs.
  DecoderInput(at::Tensor token_ids, at::Tensor starts = {})
      : ids(std::move(token_ids)), document_starts(std::move(starts)) {}

  at::Tensor ids;  // [B, L, a] int64, -1 = padding within a bag (at least one valid)
  // [B, L] int64: of each position, the first one of its document; undefined: 0 everywhere. Not
  // decreasing within a row, and 0 <= start <= position.
  at::Tensor document_starts;
  std::int64_t positions_per_step = 0;  // 0: those of the decoder's options
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
  // The losses of routers: in the gradient alone, not in what loss() returns. A pass gives its
  // positions' part of a mean over positions_per_step, those of all micro-batches and ranks.
  BalanceConfig balance;
  std::int64_t positions_per_step = 0;
};

// Bound to views of `parameters`, which must outlive it and hold exactly
// decoder_units(config). Holds no state of its own but a table of rotary angles; one thread at a
// time.
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
  // Throws c10::ValueError for a balance without positions_per_step.
  Decoder(const ModelConfig& resolved, const FlatParameters& parameters,
          const DecoderOptions& options = {});

  const ModelConfig& config() const { return config_; }
  at::Device device() const { return head_.device(); }
  at::ScalarType compute_type() const { return head_.compute_type(); }

  // Returns [B * L, D] in the compute type. Throws c10::ValueError for an input of another shape,
  // or L > max_positions.
  at::Tensor hidden(const DecoderInput& input, Gradients gradients) const;

  // The objective of the positions' logits. Of multi_hot, with z_j the logits of position j, and j
  // over the positions whose target i is valid:
  //
  //   loss = sum_i coefficients[i] * sum_j [logsumexp(z_j) - z_j[targets[j, i]]]
  //
  //   targets       [B, L, b]  int64, -100 = ignored
  //   coefficients  f32        what its terms are multiplied with (objective.h): [b], w_i / n_i for
  //                            the loss of docs/architecture.md (n_i over the whole step); ones for
  //                            a plain sum
  //   returns       scalar     f32
  at::Tensor loss(const DecoderInput& input, const at::Tensor& targets,
                  const at::Tensor& coefficients, Gradients gradients,
                  const Objective& objective = kMultiHotObjective) const;

  // -log p of each position's target, without a graph; logits exist for some rows at a time.
  //
  //   targets  [B, L] int64, below the vocabulary's size; -100 = ignored
  //   returns  [B, L] f32 on the device of the weights, nats; 0 where ignored
  at::Tensor token_losses(const DecoderInput& input, const at::Tensor& targets) const;

  // Logits of all positions, [B, L, V] f32, without a graph: for evaluation and tests, not for
  // training.
  at::Tensor logits(const DecoderInput& input) const;

  // Room for `num_slots` sequences of this decoder, as KeyValueCache has it.
  KeyValueCache make_cache(std::int64_t num_slots, std::int64_t capacity) const;

  // Continues the sequences in some slots of a cache by L tokens each, and keeps their keys and
  // values there. No graph.
  //
  //   ids      [B, L]        int64: the next tokens of each sequence; -1 behind those of a row that
  //                          has fewer of them: keys and values there mean nothing (truncate)
  //   slots    [B]           all different; sequences may differ in length
  //   returns  [B, L, D]     states, for logits_of(); zeros where there is no token
  //
  // In f32 on a CPU, states and logits of a token have the same bits whatever else is in the batch,
  // however the tokens before it were cut into calls, and for any number of threads
  // (ops/row_by_row.h). Throws c10::ValueError for ids of another shape, and for sequences that
  // would be longer than the cache's capacity; the cache is then as it was.
  //
  // `way` is how that is achieved: dot products for steps of one token, blocks for the many tokens
  // of a prompt. Each has bits of its own; kAny promises nothing.
  at::Tensor extend(const at::Tensor& ids, const std::vector<std::int64_t>& slots,
                    KeyValueCache& cache, ops::RowWay way = ops::RowWay::kDots) const;

  // Of states [N, D]: [N, V] f32.
  at::Tensor logits_of(const at::Tensor& states) const;

  // Of states [N, D], hidden() or extend(), and the ids [N] int64 that follow them, without a
  // graph. Logits exist for some rows at a time, in f32.
  TokenScores scores_of(const at::Tensor& states, const at::Tensor& ids) const;

 private:
  // The blocks of one layer, which are recomputed together.
  using Layer = std::vector<std::unique_ptr<Block>>;

  Pass begin(const DecoderInput& input, Gradients gradients) const;
  Pass continuation(const Continued& continued, std::int64_t length) const;

  ModelConfig config_;
  DecoderOptions options_;
  Embedding embedding_;
  std::vector<Layer> layers_;
  Head head_;
  at::Tensor cosines_, sines_;  // [max_positions, head_dim / 2] f32
};

}  // namespace superpose::model
