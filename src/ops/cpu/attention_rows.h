// The passes of causal attention between its matrix products; built once per instruction set as
// row_kernels.h says.
//
// Tiles are held with a query in each column: what is done for every query is then the same step in
// every lane of a vector, and the tiles are operands of the next products as they lie.
#pragma once

#include <cstdint>

#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {

// Queries of a tile, its columns.
inline constexpr std::int64_t kQueries = 64;

// Softmax over the keys, tile after tile (Milakov and Gimelshein 2018). Scores that are -infinity
// are left out: their exponential is exactly 0.
struct SoftmaxTile {
  float* scores;  // [keys, kQueries]; on return exp(scale * (scores - maximum))
  std::int64_t keys;
  float scale;
  float* maximum;  // [kQueries] over the tiles so far; finite, before the first the lowest float
  float* sum;      // [kQueries] of the exponentials so far
  float* decay;    // [kQueries] written: the factor that earlier sums and outputs need
};

// p = exp(scale * scores - logsumexp), and the gradient of the scores, scale * p * (grad - mean),
// where mean = sum over all keys of p * grad.
struct SoftmaxGradTile {
  float* scores;  // [keys, kQueries]; on return p
  float* grad;    // [keys, kQueries] of p; on return of the scores
  std::int64_t keys;
  float scale;
  const float* logsumexp;  // [kQueries]
  const float* mean;       // [kQueries]
};

// The same tiles on the way into products of bf16, rounded where they are formed. Words hold two
// keys each, as bf16_rows.h says; the second of an odd last key is 0.
struct SoftmaxPairs {
  SoftmaxTile tile;  // scores are left as they were, sums are of exponentials before rounding
  float* words;      // [ceil(keys / 2), kQueries] of the exponentials
};

struct SoftmaxGradPairs {
  SoftmaxGradTile tile;  // scores and grad are left as they were
  Bf16* p;               // [keys, kQueries]
  Bf16* grad;            // [keys, kQueries] of the scores
  float* grad_words;     // [ceil(keys / 2), kQueries] of the same
};

struct AttentionRows {
  void (*softmax)(const SoftmaxTile& tile);
  void (*softmax_grad)(const SoftmaxGradTile& tile);
  void (*softmax_pairs)(const SoftmaxPairs& pairs);
  void (*softmax_grad_pairs)(const SoftmaxGradPairs& pairs);
  // x [rows, kQueries], column c times factor[c]
  void (*scale_columns)(float* x, std::int64_t rows, const float* factor);
  float (*dot)(const float* a, const float* b, std::int64_t size);
  float (*dot_bf16)(const Bf16* a, const Bf16* b, std::int64_t size);
};

namespace isa_default {
extern const AttentionRows kAttentionRows;
}  // namespace isa_default
namespace avx2 {
extern const AttentionRows kAttentionRows;
}  // namespace avx2
namespace avx512 {
extern const AttentionRows kAttentionRows;
}  // namespace avx512

// The table of the level in force (kernels.h).
const AttentionRows& active_attention_rows();

}  // namespace superpose::ops::cpu
