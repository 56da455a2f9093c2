// How attention of either type is shared out among threads. A `Forward` or `Backward` is one
// thread's memory and what it does with one task.
#pragma once

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <tuple>
#include <utility>

#include "ops/cpu/attention_tiles.h"
#include "ops/cpu/parallel.h"

namespace superpose::ops::cpu {

struct AttentionOutputs {
  at::Tensor grad, out;  // [B, L, H, h]
  at::Tensor logsumexp;  // [B, H, L]
};

struct AttentionGradients {
  at::Tensor q, k, v;  // as the inputs
};

// Gradients of a group's keys and values, [L, h] each, summed in f32.
struct KeySums {
  float *keys, *values;
};

// Tasks of backward that keep the threads of a large machine busy. A number of its own, and not the
// number of threads, keeps the bits the same on all of them.
inline constexpr std::int64_t kPieces = 32;

// Into how many parts, of as many query heads each, the groups are split: few, as each has sums of
// its own.
inline std::int64_t parts_of_group(std::int64_t groups, std::int64_t heads) {
  std::int64_t parts = 1;
  while (parts < heads && (heads % parts != 0 || groups * parts < kPieces)) ++parts;
  return parts;
}

// The outputs, [B, L, H h] of the inputs' type, and the logsumexp [B, H, L]: one block of queries
// of one head is a task.
template <class Forward>
std::tuple<at::Tensor, at::Tensor> attend(const AttentionInputs& in) {
  const std::int64_t num_heads = in.q.size(2);
  const std::int64_t num_blocks = in.num_blocks();
  const at::Tensor out = at::empty_like(in.q);
  at::Tensor logsumexp =
      at::empty({in.q.size(0), num_heads, in.length()}, out.options().dtype(at::kFloat));
  at::parallel_for(0, in.q.size(0) * num_heads * num_blocks, grain_of(in),
                   [&](std::int64_t begin, std::int64_t end) {
                     Forward forward(in, out, logsumexp);
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::int64_t head = i / num_blocks;
                       forward.attend(head / num_heads, head % num_heads,
                                      balanced(i % num_blocks, num_blocks));
                     }
                   });
  return {out.flatten(2), std::move(logsumexp)};
}

// Memory for the sums of `count` tasks.
class KeySumBuffer {
 public:
  KeySumBuffer(const AttentionInputs& in, std::int64_t count)
      : size_(in.length() * in.width()), memory_(count * 2 * size_) {}
  KeySums piece(std::int64_t index) const {
    float* keys = memory_.data() + index * 2 * size_;
    return {keys, keys + size_};
  }
  void clear(const KeySums& sums) const { std::fill_n(sums.keys, 2 * size_, 0.0F); }
  void add(const KeySums& from, const KeySums& to) const {
    for (std::int64_t i = 0; i < 2 * size_; ++i) to.keys[i] += from.keys[i];
  }

 private:
  std::int64_t size_;
  Buffer memory_;
};

// The gradients. A task is a group, or a part of one with sums of its own, which are added up in
// order afterwards.
template <class Backward>
AttentionGradients differentiate(const AttentionInputs& in, const AttentionOutputs& outputs) {
  const AttentionGradients gradients{at::empty_like(in.q), at::empty_like(in.k),
                                     at::empty_like(in.v)};
  const std::int64_t kv_heads = in.k.size(2);
  const std::int64_t groups = in.k.size(0) * kv_heads;
  const std::int64_t parts = parts_of_group(groups, in.heads_of_group());
  const std::int64_t heads = in.heads_of_group() / parts;
  const KeySumBuffer shared(in, parts > 1 ? groups * parts : 0);
  at::parallel_for(0, groups * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    Backward backward(in, outputs, gradients);
    const KeySumBuffer own(in, parts > 1 ? 0 : 1);
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const std::int64_t row = piece / parts / kv_heads, kv_head = piece / parts % kv_heads;
      const KeySums sums = parts > 1 ? shared.piece(piece) : own.piece(0);
      own.clear(sums);
      const std::int64_t first = kv_head * in.heads_of_group() + piece % parts * heads;
      backward.add_heads(row, kv_head, {first, first + heads}, sums);
      if (parts == 1) Backward::write_keys(gradients, row, kv_head, sums);
    }
  });
  if (parts == 1) return gradients;
  at::parallel_for(0, groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      const KeySums sums = shared.piece(group * parts);
      for (std::int64_t i = 1; i < parts; ++i) shared.add(shared.piece(group * parts + i), sums);
      Backward::write_keys(gradients, group / kv_heads, group % kv_heads, sums);
    }
  });
  return gradients;
}

}  // namespace superpose::ops::cpu
