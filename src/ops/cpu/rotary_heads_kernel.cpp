// Position by position: the heads of queries and of keys go through norm and rotation while they
// are in the first-level cache, values are copied.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <vector>

#include "ops/cpu/decoder_kernels.h"
#include "ops/cpu/decoder_rows.h"
#include "ops/cpu/element_rows.h"
#include "ops/cpu/parallel.h"

namespace superpose::ops::cpu {
namespace {

// Positions whose norm-weight gradients are summed by one thread; the parts are then added in
// order. A constant, so that the sum does not depend on the number of threads.
constexpr std::int64_t kPositionsOfPart = 64;

struct Angles {
  const float* cosines;
  const float* sines;
  std::int64_t length;  // positions of the table: L, or B L where each row has its own
  std::int64_t half;    // h / 2
  float direction;
};

// Positions are numbered through the rows, so a table of all rows is one long row.
std::int64_t num_angles(const at::Tensor& cosines) {
  return cosines.dim() == 3 ? cosines.size(0) * cosines.size(1) : cosines.size(0);
}

template <class T>
void rotate_heads(const T* from, T* to, std::int64_t heads, const Angles& angles,
                  std::int64_t position) {
  const auto rotate =
      choose<T>(active_decoder_rows().rotate_f32, active_decoder_rows().rotate_bf16);
  const std::int64_t angle = position % angles.length * angles.half;
  rotate({.from = from,
          .to = to,
          .cosines = angles.cosines + angle,
          .sines = angles.sines + angle,
          .heads = heads,
          .half = angles.half,
          .direction = angles.direction});
}

// Where the heads of queries or of keys lie in a row of qkv, and their norm.
struct Part {
  std::int64_t first = 0;         // element
  std::int64_t heads = 0;         // of h elements
  const float* weight = nullptr;  // [h]; null: no norm
  float eps = 0;
};

// What one thread needs to norm the heads of a position.
template <class T>
struct Scratch {
  Scratch(std::int64_t heads, std::int64_t head_dim)
      : normed(static_cast<std::size_t>(heads * head_dim)),
        rstd(static_cast<std::size_t>(heads)),
        width(head_dim) {}

  void norm(const Part& part, const T* x) {
    const auto rows = choose<T>(active_decoder_rows().norm_f32, active_decoder_rows().norm_bf16);
    rows({.x = x,
          .delta = nullptr,
          .weight = part.weight,
          .sum = nullptr,
          .normed = normed.data(),
          .rstd = rstd.data(),
          .count = part.heads,
          .width = width,
          .eps = part.eps});
  }

  std::vector<T> normed;  // [heads, h]
  std::vector<float> rstd;
  std::int64_t width;
};

template <class T>
void forward_part(const Part& part, const Angles& angles, std::int64_t position, const T* row,
                  T* to, Scratch<T>& scratch) {
  const T* from = row + part.first;
  if (part.weight != nullptr) {
    scratch.norm(part, from);
    from = scratch.normed.data();
  }
  rotate_heads(from, to, part.heads, angles, position);
}

// grad: of the rotated heads; row: of qkv; to: the gradient of row. Adds to grad_weight [h] where
// it is not null.
template <class T>
void backward_part(const Part& part, const Angles& angles, std::int64_t position, const T* grad,
                   const T* row, T* to, float* grad_weight, Scratch<T>& scratch) {
  if (part.weight == nullptr) {
    rotate_heads(grad, to + part.first, part.heads, angles, position);
    return;
  }
  scratch.norm(part, row + part.first);  // for rstd
  rotate_heads(grad, scratch.normed.data(), part.heads, angles, position);
  const auto rows =
      choose<T>(active_decoder_rows().norm_grad_f32, active_decoder_rows().norm_grad_bf16);
  rows({.grad_normed = scratch.normed.data(),
        .grad_sum = nullptr,
        .sum = row + part.first,
        .weight = part.weight,
        .rstd = scratch.rstd.data(),
        .grad_x = to + part.first,
        .grad_weight = grad_weight,
        .count = part.heads,
        .width = scratch.width});
}

at::Tensor contiguous_or_none(const std::optional<at::Tensor>& tensor) {
  return tensor ? tensor->contiguous() : at::Tensor();
}

const float* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? read<float>(tensor) : nullptr;
}

// grad_weight += the parts [num_parts, 2, h] of queries (which = 0) or keys (1), in order.
void add_parts(const at::Tensor& parts, std::int64_t which,
               const std::optional<at::Tensor>& grad_weight) {
  if (!grad_weight) return;
  const std::int64_t width = parts.size(2);
  auto* total = write<float>(*grad_weight);
  for (std::int64_t part = 0; part < parts.size(0); ++part) {
    const float* values = read<float>(parts) + (2 * part + which) * width;
    for (std::int64_t i = 0; i < width; ++i) total[i] += values[i];
  }
}

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> rotary_heads(
    const at::Tensor& qkv, const at::Tensor& cosines, const at::Tensor& sines,
    std::int64_t num_heads, std::int64_t num_kv_heads, const std::optional<at::Tensor>& q_weight_in,
    const std::optional<at::Tensor>& k_weight_in, double eps) {
  const at::Tensor q_weight = contiguous_or_none(q_weight_in);
  const at::Tensor k_weight = contiguous_or_none(k_weight_in);
  const std::int64_t half = cosines.size(-1);
  const std::int64_t width = qkv.size(2);
  const std::int64_t q_width = num_heads * half * 2;
  const std::int64_t kv_width = num_kv_heads * half * 2;
  at::Tensor q = at::empty({qkv.size(0), qkv.size(1), num_heads, half * 2}, qkv.options());
  at::Tensor k = at::empty({qkv.size(0), qkv.size(1), num_kv_heads, half * 2}, qkv.options());
  at::Tensor v = at::empty_like(k);
  const Angles angles{read<float>(cosines), read<float>(sines), num_angles(cosines), half, 1.0F};
  const Part queries{0, num_heads, data_or_null(q_weight), static_cast<float>(eps)};
  const Part keys{q_width, num_kv_heads, data_or_null(k_weight), static_cast<float>(eps)};
  with_rows_of(qkv, [&]<class T>() {
    at::parallel_for(
        0, qkv.size(0) * qkv.size(1), row_grain(width), [&](std::int64_t begin, std::int64_t end) {
          Scratch<T> scratch(std::max(num_heads, num_kv_heads), half * 2);
          for (std::int64_t position = begin; position < end; ++position) {
            const T* row = read<T>(qkv) + position * width;
            forward_part(queries, angles, position, row, write<T>(q) + position * q_width, scratch);
            forward_part(keys, angles, position, row, write<T>(k) + position * kv_width, scratch);
            std::copy_n(row + q_width + kv_width, kv_width, write<T>(v) + position * kv_width);
          }
        });
  });
  return {std::move(q), std::move(k), std::move(v)};
}

at::Tensor rotary_heads_backward(const at::Tensor& grad_q, const at::Tensor& grad_k,
                                 const at::Tensor& grad_v, const std::optional<at::Tensor>& qkv_in,
                                 const at::Tensor& cosines, const at::Tensor& sines,
                                 const std::optional<at::Tensor>& q_weight_in,
                                 const std::optional<at::Tensor>& k_weight_in, double eps,
                                 const std::optional<at::Tensor>& grad_q_weight,
                                 const std::optional<at::Tensor>& grad_k_weight) {
  const at::Tensor q = grad_q.contiguous();
  const at::Tensor k = grad_k.contiguous();
  const at::Tensor v = grad_v.contiguous();
  const at::Tensor qkv = contiguous_or_none(qkv_in);
  const at::Tensor q_weight = contiguous_or_none(q_weight_in);
  const at::Tensor k_weight = contiguous_or_none(k_weight_in);
  const std::int64_t half = cosines.size(-1);
  const std::int64_t positions = q.size(0) * q.size(1);
  const std::int64_t q_width = q.size(2) * half * 2;
  const std::int64_t kv_width = k.size(2) * half * 2;
  const std::int64_t width = q_width + 2 * kv_width;
  const std::int64_t num_parts = (positions + kPositionsOfPart - 1) / kPositionsOfPart;
  at::Tensor grad = at::empty({q.size(0), q.size(1), width}, q.options());
  const at::Tensor parts =
      at::zeros({q_weight.defined() ? num_parts : 0, 2, half * 2}, cosines.options());
  const Angles angles{read<float>(cosines), read<float>(sines), num_angles(cosines), half, -1.0F};
  const Part queries{0, q.size(2), data_or_null(q_weight), static_cast<float>(eps)};
  const Part keys{q_width, k.size(2), data_or_null(k_weight), static_cast<float>(eps)};
  with_rows_of(q, [&]<class T>() {
    const auto differentiate = [&](std::int64_t position, float* sums, Scratch<T>& scratch) {
      const T* row = qkv.defined() ? read<T>(qkv) + position * width : nullptr;
      T* to = write<T>(grad) + position * width;
      backward_part(queries, angles, position, read<T>(q) + position * q_width, row, to, sums,
                    scratch);
      backward_part(keys, angles, position, read<T>(k) + position * kv_width, row, to,
                    sums == nullptr ? nullptr : sums + half * 2, scratch);
      std::copy_n(read<T>(v) + position * kv_width, kv_width, to + q_width + kv_width);
    };
    at::parallel_for(
        0, num_parts, row_grain(width * kPositionsOfPart),
        [&](std::int64_t begin, std::int64_t end) {
          Scratch<T> scratch(std::max(q.size(2), k.size(2)), half * 2);
          for (std::int64_t part = begin; part < end; ++part) {
            float* sums = q_weight.defined() ? write<float>(parts) + part * 4 * half : nullptr;
            const std::int64_t last = std::min(positions, (part + 1) * kPositionsOfPart);
            for (std::int64_t i = part * kPositionsOfPart; i < last; ++i) {
              differentiate(i, sums, scratch);
            }
          }
        });
  });
  add_parts(parts, 0, grad_q_weight);
  add_parts(parts, 1, grad_k_weight);
  return grad;
}

}  // namespace superpose::ops::cpu
