// Parameters, FLOPs and memory of a decoder from closed forms: nothing is built for them. `config`
// is resolved.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model_config.h"
#include "model/objective.h"

namespace superpose::model {

// Elements of all weights; a tied head is counted once.
//
//     V D                          embedding
//   + V D                          head, unless it is tied
//   + layers * ( D h (2 H + 2 K)   q, o, k, v
//              + 3 D F             gate, up, down; or E (D + 3 D f) of E experts of width f
//              + 2 D               norms
//              + 2 h )             norms of queries and keys, with qk_norm
//   + D                            last norm
//
// with V vocab_size, D hidden_size, h head_dim, H query heads, K key/value heads, F ffn_size.
std::int64_t parameter_count(const ModelConfig& config);

// Of these, what the forward pass of one position uses: of a mixture, the position's own experts.
std::int64_t active_parameter_count(const ModelConfig& config);

// FLOPs of forward and backward for one position of a row of `sequence_length` positions, whatever
// the bag size:
//
//   6 * (active parameters without the input embedding; a tied head counts) + layers * 6 * L * H *
// h
//
// The second term is causal attention: two products of L/2 keys on average, 2 FLOPs per
// multiply-add, and twice that again for backward. Softmax, norms and the optimizer are not
// counted.
double flops_per_position(const ModelConfig& config, std::int64_t sequence_length);

struct MemoryRequest {
  std::int64_t rows = 1;  // of one micro-batch
  std::int64_t sequence_length = 1;
  std::int64_t bag_size = 1;         // the largest of the run's phases
  std::int64_t target_size = 1;      // the largest of the run's phases
  std::int64_t recompute_every = 0;  // as Decoder has it
  bool bf16 = false;                 // compute type; the master is f32 in any case
  std::vector<const Objective*> objectives = {&kMultiHotObjective};  // of the run's phases
};

// Bytes held at the peak of a training step (where its backward part begins), as tensors; what else
// the process holds is added in train/memory.h.
struct MemoryEstimate {
  std::int64_t parameters = 0;  // f32 master, and the bf16 copy where there is one
  std::int64_t gradients = 0;
  std::int64_t activations = 0;  // kept for backward, and the scratch of head and loss
  std::int64_t total() const { return parameters + gradients + activations; }
};
MemoryEstimate estimate_memory(const ModelConfig& config, const MemoryRequest& request);

}  // namespace superpose::model
