// From the joint q/k/v product to rotated heads, with Qwen3's norms where wanted.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>

namespace superpose::ops {

// Legend: B batch, L positions, H query heads, K key/value heads, h head dim.

struct HeadLayout {
  std::int64_t num_heads = 0;     // H
  std::int64_t num_kv_heads = 0;  // K
  std::int64_t head_dim = 0;      // h, even
};

// Cosine and sine of position * frequency, f32 (f64 for f64), contiguous. Each [L, h / 2] where all
// rows stand at the same positions, or [B, L, h / 2] where each row has its own.
struct RotaryAngles {
  at::Tensor cosines, sines;
};

// RMS norm of each query and key head before the rotation (Qwen3). Weights and gradients [h] f32
// (f64 for f64); weights undefined: no norm; a gradient undefined: none is wanted.
struct HeadNorms {
  at::Tensor q_weight, k_weight;
  at::Tensor grad_q_weight, grad_k_weight;
  double eps = 0;
};

// Splits one product into the heads of attention and rotates queries and keys by their position (Su
// et al. 2021, sec. 3.4.2), the two halves of a head against each other as Hugging Face does:
//
//   (a, b) = (x[:h/2], x[h/2:])   becomes   (a cos - b sin, b cos + a sin)
//
//   qkv      [B, L, (H + 2 K) h]  f32, bf16 or f64; H query heads, then K key heads, then K value
//                                 heads
//   returns  q [B, L, H, h], k [B, L, K, h], v [B, L, K, h], contiguous, dtype of qkv; computed in
//            f32 (f64)
//
// Where grad mode is on and qkv requires a gradient, backward adds the norms' gradients in place;
// their weights get none by themselves. Without norms nothing is kept for backward but the angles.
// Backward may not be differentiated again. Throws ValueError on a wrong shape or dtype.
std::tuple<at::Tensor, at::Tensor, at::Tensor> rotary_heads_accumulate(const at::Tensor& qkv,
                                                                       const RotaryAngles& angles,
                                                                       const HeadLayout& layout,
                                                                       const HeadNorms& norms);

}  // namespace superpose::ops
