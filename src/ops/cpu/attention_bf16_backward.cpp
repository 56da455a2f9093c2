// As attention_backward.cpp, which has the formula, with bf16 operands: P and dS are rounded where
// they are formed, and dQ, dK and dV are summed in f32 and rounded once.
#include "ops/cpu/attention_bf16_tiles.h"
#include "ops/cpu/attention_groups.h"
#include "ops/cpu/attention_kernel.h"

namespace superpose::ops::cpu {
namespace {

// The memory of one thread, and the group it is at.
class Backward {
 public:
  Backward(const AttentionInputs& inputs, const AttentionOutputs& outputs,
           const AttentionGradients& gradients)
      : in_(inputs),
        outputs_(outputs),
        gradients_(gradients),
        width_(inputs.width()),
        stride_(transposed_stride(pairs_of(inputs.length()))),
        queries_(width_),
        grad_(width_),
        keys_(inputs.length() * pairs_of(width_)),
        values_(inputs.length() * pairs_of(width_)),
        transposed_keys_(width_ * stride_),
        transposed_grad_queries_(width_ * kQueries),
        grad_rows_(kQueries * width_),
        scores_(kKeys * kQueries),
        grad_scores_(kKeys * kQueries),
        p_(kKeys / 2 * kQueries),
        grad_s_(kKeys / 2 * kQueries),
        grad_words_(kKeys / 2 * kQueries) {}

  ~Backward() { release_micro_kernels(); }
  Backward(const Backward&) = delete;
  Backward& operator=(const Backward&) = delete;

  // The gradients of some query heads of a group; adds to those of its keys and values.
  void add_heads(std::int64_t row, std::int64_t kv_head, const Range& heads, const KeySums& sums) {
    take_group(row, kv_head);
    sums_ = sums;
    for (std::int64_t head = heads.begin; head < heads.end; ++head) {
      for (std::int64_t block = 0; block < in_.num_blocks(); ++block) {
        add_block(row, head, in_.block(block));
      }
    }
  }

  static void write_keys(const AttentionGradients& gradients, std::int64_t row,
                         std::int64_t kv_head, const KeySums& sums) {
    const std::int64_t width = gradients.k.size(3);
    const auto write = [&](const float* from, const at::Tensor& to) {
      narrow_rows({from, width}, to.size(1), width, bf16_head_to_write(to, row, kv_head),
                  to.size(2) * width);
    };
    write(sums.keys, gradients.k);
    write(sums.values, gradients.v);
  }

 private:
  void take_group(std::int64_t row, std::int64_t kv_head) {
    const std::int64_t group = row * in_.k.size(2) + kv_head;
    if (group == group_) return;
    group_ = group;
    const Bf16Matrix keys = bf16_head_of(in_.k, row, kv_head);
    transpose_bf16(keys, in_.length(), width_, transposed_keys_.data(), stride_);
    copy_words(keys, in_.length(), width_, keys_.data());
    copy_words(bf16_head_of(in_.v, row, kv_head), in_.length(), width_, values_.data());
  }

  void add_block(std::int64_t row, std::int64_t head, const Range& queries) {
    const Bf16Matrix q = rows_from(bf16_head_of(in_.q, row, head), queries.begin);
    const Bf16Matrix grad = rows_from(bf16_head_of(outputs_.grad, row, head), queries.begin);
    queries_.transpose(q, queries.size());
    queries_.pair(q, queries.size());
    grad_.transpose(grad, queries.size());
    grad_.pair(grad, queries.size());
    take_sums(row, head, queries);
    const Range keys = in_.keys_of(row, queries);
    for (std::int64_t key = keys.begin; key < keys.end; key += kKeys) {
      add_tile(tile_of(keys, key), queries, in_.starts_of(row),
               key == keys.begin ? Into::kEmpty : Into::kSum);
    }
    transpose({transposed_grad_queries_.data(), kQueries}, width_, queries.size(),
              grad_rows_.data(), width_);
    narrow_rows({grad_rows_.data(), width_}, queries.size(), width_,
                bf16_head_to_write(gradients_.q, row, head) + queries.begin * q.stride, q.stride);
  }

  // The logsumexp and the mean gradient of each query; zeros in the columns beyond.
  void take_sums(std::int64_t row, std::int64_t head, const Range& queries) {
    const Bf16Matrix grad = rows_from(bf16_head_of(outputs_.grad, row, head), queries.begin);
    const Bf16Matrix out = rows_from(bf16_head_of(outputs_.out, row, head), queries.begin);
    const float* logsumexp = outputs_.logsumexp.const_data_ptr<float>() +
                             (row * in_.q.size(2) + head) * in_.length() + queries.begin;
    std::fill_n(logsumexp_, kQueries, 0.0F);
    std::fill_n(mean_, kQueries, 0.0F);
    for (std::int64_t c = 0; c < queries.size(); ++c) {
      logsumexp_[c] = logsumexp[c];
      mean_[c] = active_attention_rows().dot_bf16(grad.data + c * grad.stride,
                                                  out.data + c * out.stride, width_);
    }
  }

  // Adds what a tile gives to the gradients of its queries (transposed), keys and values. In the
  // columns beyond the last query P is 1 and dS 0, and the operands that they meet are 0.
  void add_tile(const Range& keys, const Range& queries, const std::int64_t* starts, Into into) {
    const std::int64_t words = pairs_of(width_);
    const std::int64_t first = keys.begin * width_;
    const auto rows_of = [&](const Buffer& x) {
      return Bf16Matrix{as_bf16(x.data() + keys.begin * words), 2 * words};
    };
    const ProductSize tile{keys.size(), kQueries, width_};
    multiply_bf16(tile, rows_of(keys_), queries_.transposed(), scores_.data(), kQueries,
                  Into::kEmpty);
    mask_scores(keys, queries, starts, scores_.data());
    multiply_bf16(tile, rows_of(values_), grad_.transposed(), grad_scores_.data(), kQueries,
                  Into::kEmpty);
    const Bf16Matrix p{as_bf16(p_.data()), kQueries};            // P^T
    const Bf16Matrix grad_s{as_bf16(grad_s_.data()), kQueries};  // dS^T
    active_attention_rows().softmax_grad_pairs({.tile = {.scores = scores_.data(),
                                                         .grad = grad_scores_.data(),
                                                         .keys = keys.size(),
                                                         .scale = in_.scale(),
                                                         .logsumexp = logsumexp_,
                                                         .mean = mean_},
                                                .p = as_bf16(p_.data()),
                                                .grad = as_bf16(grad_s_.data()),
                                                .grad_words = grad_words_.data()});
    const ProductSize sums{keys.size(), width_, kQueries};
    multiply_bf16(sums, p, grad_.paired(), sums_.values + first, width_, Into::kSum);
    multiply_bf16(sums, grad_s, queries_.paired(), sums_.keys + first, width_, Into::kSum);
    multiply_bf16({width_, kQueries, keys.size()},
                  {as_bf16(transposed_keys_.data() + keys.begin / 2), 2 * stride_},
                  {grad_words_.data(), kQueries}, transposed_grad_queries_.data(), kQueries, into);
  }

  const AttentionInputs& in_;
  const AttentionOutputs& outputs_;
  const AttentionGradients& gradients_;
  std::int64_t group_ = -1;
  KeySums sums_{};
  std::int64_t width_;              // h
  std::int64_t stride_;             // of transposed_keys_, in words
  BlockOperand queries_, grad_;     // of the block
  Buffer keys_, values_;            // [L, w] words of the group
  Buffer transposed_keys_;          // [h, L] bf16
  Buffer transposed_grad_queries_;  // [h, kQueries]
  Buffer grad_rows_;                // [kQueries, h]
  Buffer scores_, grad_scores_;     // [kKeys, kQueries]
  Buffer p_, grad_s_;               // the same in bf16
  Buffer grad_words_;               // [kKeys / 2, kQueries] words of grad_s_
  float logsumexp_[kQueries], mean_[kQueries];
};

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> causal_attention_bf16_backward(
    const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const std::optional<at::Tensor>& starts, const at::Tensor& out, const at::Tensor& logsumexp) {
  const AttentionInputs inputs = attention_inputs(q, k, v, starts, at::kBFloat16);
  const auto in_heads = [&](const at::Tensor& x) { return x.contiguous().view(q.sizes()); };
  const AttentionOutputs outputs{in_heads(grad), in_heads(out), logsumexp.contiguous()};
  AttentionGradients gradients = differentiate<Backward>(inputs, outputs);
  return {std::move(gradients.q), std::move(gradients.k), std::move(gradients.v)};
}

}  // namespace superpose::ops::cpu
