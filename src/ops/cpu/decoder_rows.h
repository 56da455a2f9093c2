// Element-wise passes of a decoder layer, on rows of contiguous memory; built
// once per instruction set as row_kernels.h says.
#pragma once

#include <cstdint>

#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {

// Rows [0, count) of x, delta, sum and normed; delta and sum are null together.
template <class T>
struct NormRows {
  const T* x;
  const T* delta;
  const float* weight;
  T* sum;
  T* normed;
  float* rstd;  // [count]
  std::int64_t count;
  std::int64_t width;
  float eps;
};

// Rows [0, count); grad_sum may be null. grad_weight [width] is added to, or null.
template <class T>
struct NormGradRows {
  const T* grad_normed;
  const T* grad_sum;
  const T* sum;
  const float* weight;
  const float* rstd;
  T* grad_x;
  float* grad_weight;
  std::int64_t count;
  std::int64_t width;
};

// normed = sum * rstd * weight, with the bits that NormRows made.
template <class T>
struct NormAgainRows {
  const T* sum;         // [count, width]
  const float* weight;  // [width]
  const float* rstd;    // [count]
  T* normed;            // [count, width]
  std::int64_t count;
  std::int64_t width;
};

// The heads of one position, rotated by its angles (back where direction is -1).
template <class T>
struct RotatedHeads {
  const T* from;  // [heads, 2 half]
  T* to;
  const float* cosines;  // [half]
  const float* sines;
  std::int64_t heads;
  std::int64_t half;
  float direction;
};

// silu(gate) * up of one row; grad_gate_up is written from grad where it is not null, else out.
template <class T>
struct SwiGluRow {
  const T* gate_up;  // [2 width]
  const T* grad;     // [width]
  T* out;            // [width], or [2 width] with grad
  std::int64_t width;
};

// What a position's share of an expert does to one row of the expert's backward pass: both operands
// are multiplied by it.
template <class T>
struct SharedRow {
  T* hidden;  // [width]
  T* grad;    // [width]
  float share;
  std::int64_t width;
};

struct DecoderRows {
  void (*norm_f32)(const NormRows<float>& rows);
  void (*norm_bf16)(const NormRows<Bf16>& rows);
  void (*norm_again_f32)(const NormAgainRows<float>& rows);
  void (*norm_again_bf16)(const NormAgainRows<Bf16>& rows);
  void (*norm_grad_f32)(const NormGradRows<float>& rows);
  void (*norm_grad_bf16)(const NormGradRows<Bf16>& rows);
  void (*rotate_f32)(const RotatedHeads<float>& heads);
  void (*rotate_bf16)(const RotatedHeads<Bf16>& heads);
  void (*swiglu_f32)(const SwiGluRow<float>& row);
  void (*swiglu_bf16)(const SwiGluRow<Bf16>& row);
  void (*swiglu_grad_f32)(const SwiGluRow<float>& row);
  void (*swiglu_grad_bf16)(const SwiGluRow<Bf16>& row);
  // Returns the product of the two as they were: the gradient of the share.
  float (*share_f32)(const SharedRow<float>& row);
  float (*share_bf16)(const SharedRow<Bf16>& row);
};

namespace isa_default {
extern const DecoderRows kDecoderRows;
}  // namespace isa_default
namespace avx2 {
extern const DecoderRows kDecoderRows;
}  // namespace avx2
namespace avx512 {
extern const DecoderRows kDecoderRows;
}  // namespace avx512

// The table of the level in force (kernels.h).
const DecoderRows& active_decoder_rows();

}  // namespace superpose::ops::cpu
