#pragma once

#include <cstdint>

// The passes of causal attention between its matrix products; built once per instruction set as
// row_kernels.h says.
//
// Tiles are held with a query in each column: what is done for every query is then the same step in
// every lane of a vector, and the tiles are operands of the next products as they lie.
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

struct AttentionRows {
  void (*softmax)(const SoftmaxTile& tile);
  void (*softmax_grad)(const SoftmaxGradTile& tile);
  // x [rows, kQueries], column c times factor[c]
  void (*scale_columns)(float* x, std::int64_t rows, const float* factor);
  float (*dot)(const float* a, const float* b, std::int64_t size);
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
