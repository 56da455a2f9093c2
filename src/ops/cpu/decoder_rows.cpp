#include "ops/cpu/decoder_rows.h"

#include "ops/cpu/bf16_convert.h"
#include "ops/cpu/exp_f32.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

// Without a library: the square root instruction of the level, and no errno to keep the loop
// scalar.
inline float square_root(float x) { return __builtin_sqrtf(x); }

template <class T>
inline void scale(const T* x, float rstd, const float* weight, T* normed, std::int64_t width) {
#pragma omp simd
  for (std::int64_t d = 0; d < width; ++d) narrow(widen(x[d]) * rstd * weight[d], normed[d]);
}

template <class T>
void norm(const NormRows<T>& rows) {
  const std::int64_t width = rows.width;
  for (std::int64_t row = 0; row < rows.count; ++row) {
    const T* x = rows.x + row * width;
    float squares = 0;
    if (rows.delta != nullptr) {
      const T* delta = rows.delta + row * width;
      T* sum = rows.sum + row * width;
#pragma omp simd reduction(+ : squares)
      for (std::int64_t d = 0; d < width; ++d) {
        narrow(widen(x[d]) + widen(delta[d]), sum[d]);
        squares += widen(sum[d]) * widen(sum[d]);
      }
      x = sum;
    } else {
#pragma omp simd reduction(+ : squares)
      for (std::int64_t d = 0; d < width; ++d) squares += widen(x[d]) * widen(x[d]);
    }
    const float rstd = 1.0F / square_root(squares / static_cast<float>(width) + rows.eps);
    scale(x, rstd, rows.weight, rows.normed + row * width, width);
    rows.rstd[row] = rstd;
  }
}

template <class T>
void norm_again(const NormAgainRows<T>& rows) {
  for (std::int64_t row = 0; row < rows.count; ++row) {
    const std::int64_t first = row * rows.width;
    scale(rows.sum + first, rows.rstd[row], rows.weight, rows.normed + first, rows.width);
  }
}

template <class T>
void norm_grad(const NormGradRows<T>& rows) {
  const std::int64_t width = rows.width;
  for (std::int64_t row = 0; row < rows.count; ++row) {
    const T* grad = rows.grad_normed + row * width;
    const T* x = rows.sum + row * width;
    const float rstd = rows.rstd[row];
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (std::int64_t d = 0; d < width; ++d) dot += widen(grad[d]) * rows.weight[d] * widen(x[d]);
    // d normed / d sum: rstd (1 - unit unit^T / width), unit = x * rstd.
    const float along = dot * rstd * rstd * rstd / static_cast<float>(width);
    T* out = rows.grad_x + row * width;
    if (rows.grad_sum != nullptr) {
      const T* direct = rows.grad_sum + row * width;
#pragma omp simd
      for (std::int64_t d = 0; d < width; ++d) {
        const float through = widen(grad[d]) * rows.weight[d] * rstd - widen(x[d]) * along;
        narrow(widen(direct[d]) + through, out[d]);
      }
    } else {
#pragma omp simd
      for (std::int64_t d = 0; d < width; ++d) {
        narrow(widen(grad[d]) * rows.weight[d] * rstd - widen(x[d]) * along, out[d]);
      }
    }
    if (rows.grad_weight == nullptr) continue;
#pragma omp simd
    for (std::int64_t d = 0; d < width; ++d) {
      rows.grad_weight[d] += widen(grad[d]) * widen(x[d]) * rstd;
    }
  }
}

template <class T>
void rotate(const RotatedHeads<T>& heads) {
  const std::int64_t half = heads.half;
  for (std::int64_t head = 0; head < heads.heads; ++head) {
    const T* from = heads.from + head * 2 * half;
    T* to = heads.to + head * 2 * half;
#pragma omp simd
    for (std::int64_t i = 0; i < half; ++i) {
      const float a = widen(from[i]);
      const float b = widen(from[half + i]);
      const float sine = heads.sines[i] * heads.direction;
      narrow(a * heads.cosines[i] - b * sine, to[i]);
      narrow(b * heads.cosines[i] + a * sine, to[half + i]);
    }
  }
}

inline float sigmoid(float x) { return 1.0F / (1.0F + exp_f32(-x)); }

template <class T>
void swiglu(const SwiGluRow<T>& row) {
  const T* up = row.gate_up + row.width;
#pragma omp simd
  for (std::int64_t i = 0; i < row.width; ++i) {
    const float gate = widen(row.gate_up[i]);
    narrow(gate * sigmoid(gate) * widen(up[i]), row.out[i]);
  }
}

template <class T>
void swiglu_grad(const SwiGluRow<T>& row) {
  const T* up = row.gate_up + row.width;
  T* grad_up = row.out + row.width;
#pragma omp simd
  for (std::int64_t i = 0; i < row.width; ++i) {
    const float gate = widen(row.gate_up[i]);
    const float grad = widen(row.grad[i]);
    const float gated = sigmoid(gate);
    narrow(grad * widen(up[i]) * gated * (1.0F + gate * (1.0F - gated)), row.out[i]);
    narrow(grad * gate * gated, grad_up[i]);
  }
}

template <class T>
float share(const SharedRow<T>& row) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (std::int64_t i = 0; i < row.width; ++i) {
    const float hidden = widen(row.hidden[i]);
    const float grad = widen(row.grad[i]);
    dot += hidden * grad;
    narrow(hidden * row.share, row.hidden[i]);
    narrow(grad * row.share, row.grad[i]);
  }
  return dot;
}

}  // namespace

extern const DecoderRows kDecoderRows = {.norm_f32 = norm<float>,
                                         .norm_bf16 = norm<Bf16>,
                                         .norm_again_f32 = norm_again<float>,
                                         .norm_again_bf16 = norm_again<Bf16>,
                                         .norm_grad_f32 = norm_grad<float>,
                                         .norm_grad_bf16 = norm_grad<Bf16>,
                                         .rotate_f32 = rotate<float>,
                                         .rotate_bf16 = rotate<Bf16>,
                                         .swiglu_f32 = swiglu<float>,
                                         .swiglu_bf16 = swiglu<Bf16>,
                                         .swiglu_grad_f32 = swiglu_grad<float>,
                                         .swiglu_grad_bf16 = swiglu_grad<Bf16>,
                                         .share_f32 = share<float>,
                                         .share_bf16 = share<Bf16>};

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
