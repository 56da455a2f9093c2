#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>

#include "ops/cpu/decoder_kernels.h"
#include "ops/cpu/decoder_rows.h"
#include "ops/cpu/element_rows.h"
#include "ops/cpu/parallel.h"

namespace superpose::ops::cpu {
namespace {

// Turns `heads` heads of every position. from and to advance by their strides (elements) from one
// position to the next.
template <class T>
struct Turning {
  const T* from;
  std::int64_t from_stride;
  T* to;
  std::int64_t to_stride;
  std::int64_t heads;
};

struct Angles {
  const float* cosines;
  const float* sines;
  std::int64_t length;  // L
  std::int64_t half;    // h / 2
  float direction;
};

template <class T>
void turn_position(const Turning<T>& turning, const Angles& angles, std::int64_t position) {
  const auto turn = choose<T>(active_decoder_rows().turn_f32, active_decoder_rows().turn_bf16);
  const std::int64_t angle = position % angles.length * angles.half;
  turn({.from = turning.from + position * turning.from_stride,
        .to = turning.to + position * turning.to_stride,
        .cosines = angles.cosines + angle,
        .sines = angles.sines + angle,
        .heads = turning.heads,
        .half = angles.half,
        .direction = angles.direction});
}

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> rotary_heads(const at::Tensor& qkv,
                                                            const at::Tensor& cosines,
                                                            const at::Tensor& sines,
                                                            std::int64_t num_heads,
                                                            std::int64_t num_kv_heads) {
  const std::int64_t half = cosines.size(1);
  const std::int64_t width = qkv.size(2);
  const std::int64_t q_width = num_heads * half * 2;
  const std::int64_t kv_width = num_kv_heads * half * 2;
  at::Tensor q = at::empty({qkv.size(0), qkv.size(1), num_heads, half * 2}, qkv.options());
  at::Tensor k = at::empty({qkv.size(0), qkv.size(1), num_kv_heads, half * 2}, qkv.options());
  at::Tensor v = at::empty_like(k);
  const Angles angles{read<float>(cosines), read<float>(sines), qkv.size(1), half, 1.0F};
  with_rows_of(qkv, [&]<class T>() {
    const T* from = read<T>(qkv);
    at::parallel_for(
        0, qkv.size(0) * qkv.size(1), row_grain(width), [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t position = begin; position < end; ++position) {
            turn_position<T>({from, width, write<T>(q), q_width, num_heads}, angles, position);
            turn_position<T>({from + q_width, width, write<T>(k), kv_width, num_kv_heads}, angles,
                             position);
            std::copy_n(from + position * width + q_width + kv_width, kv_width,
                        write<T>(v) + position * kv_width);
          }
        });
  });
  return {std::move(q), std::move(k), std::move(v)};
}

at::Tensor rotary_heads_backward(const at::Tensor& grad_q, const at::Tensor& grad_k,
                                 const at::Tensor& grad_v, const at::Tensor& cosines,
                                 const at::Tensor& sines) {
  const at::Tensor q = grad_q.contiguous();
  const at::Tensor k = grad_k.contiguous();
  const at::Tensor v = grad_v.contiguous();
  const std::int64_t half = cosines.size(1);
  const std::int64_t q_width = q.size(2) * half * 2;
  const std::int64_t kv_width = k.size(2) * half * 2;
  const std::int64_t width = q_width + 2 * kv_width;
  at::Tensor grad = at::empty({q.size(0), q.size(1), width}, q.options());
  const Angles angles{read<float>(cosines), read<float>(sines), q.size(1), half, -1.0F};
  with_rows_of(q, [&]<class T>() {
    T* to = write<T>(grad);
    at::parallel_for(
        0, q.size(0) * q.size(1), row_grain(width), [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t position = begin; position < end; ++position) {
            turn_position<T>({read<T>(q), q_width, to, width, q.size(2)}, angles, position);
            turn_position<T>({read<T>(k), kv_width, to + q_width, width, k.size(2)}, angles,
                             position);
            std::copy_n(read<T>(v) + position * kv_width, kv_width,
                        to + position * width + q_width + kv_width);
          }
        });
  });
  return grad;
}

}  // namespace superpose::ops::cpu
