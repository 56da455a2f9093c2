// With S = scale Q K^T (masked), P = softmax(S), O = P V:
//
//   dV = P^T dO      dP = dO V^T      mean = rowsum(P dP) = rowsum(dO O)
//   dS = scale P (dP - mean)          dQ = dS K      dK = dS^T Q
//
// P is recomputed from S and its logsumexp (Dao et al. 2022, algorithm 4).
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
        stride_(transposed_stride(inputs.length())),
        keys_(inputs.length() * width_),
        values_(inputs.length() * width_),
        transposed_keys_(width_ * stride_),
        transposed_queries_(width_ * kQueries),
        transposed_grad_(width_ * kQueries),
        transposed_grad_queries_(width_ * kQueries),
        scores_(kKeys * kQueries),
        grad_scores_(kKeys * kQueries) {}

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
      copy_rows({from, width}, to.size(1), width, head_to_write(to, row, kv_head),
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
    const Matrix keys = head_of(in_.k, row, kv_head);
    transpose(keys, in_.length(), width_, transposed_keys_.data(), stride_);
    copy_rows(keys, in_.length(), width_, keys_.data(), width_);
    copy_rows(head_of(in_.v, row, kv_head), in_.length(), width_, values_.data(), width_);
  }

  void add_block(std::int64_t row, std::int64_t head, const Range& queries) {
    queries_ = rows_from(head_of(in_.q, row, head), queries.begin);
    grad_ = rows_from(head_of(outputs_.grad, row, head), queries.begin);
    transpose_queries(queries_, queries.size(), width_, transposed_queries_.data());
    transpose_queries(grad_, queries.size(), width_, transposed_grad_.data());
    take_sums(row, head, queries);
    const Range keys = in_.keys_of(row, queries);
    for (std::int64_t key = keys.begin; key < keys.end; key += kKeys) {
      add_tile(tile_of(keys, key), queries, in_.starts_of(row),
               key == keys.begin ? Into::kEmpty : Into::kSum);
    }
    transpose({transposed_grad_queries_.data(), kQueries}, width_, queries.size(),
              head_to_write(gradients_.q, row, head) + queries.begin * queries_.stride,
              queries_.stride);
  }

  // The logsumexp and the mean gradient of each query; zeros in the columns beyond.
  void take_sums(std::int64_t row, std::int64_t head, const Range& queries) {
    const Matrix out = rows_from(head_of(outputs_.out, row, head), queries.begin);
    const float* logsumexp = outputs_.logsumexp.const_data_ptr<float>() +
                             (row * in_.q.size(2) + head) * in_.length() + queries.begin;
    std::fill_n(logsumexp_, kQueries, 0.0F);
    std::fill_n(mean_, kQueries, 0.0F);
    for (std::int64_t c = 0; c < queries.size(); ++c) {
      logsumexp_[c] = logsumexp[c];
      mean_[c] = active_attention_rows().dot(grad_.data + c * grad_.stride,
                                             out.data + c * out.stride, width_);
    }
  }

  // Adds what a tile gives to the gradients of its queries (transposed), keys and values.
  void add_tile(const Range& keys, const Range& queries, const std::int64_t* starts, Into into) {
    const Matrix p{scores_.data(), kQueries};            // P^T
    const Matrix grad_s{grad_scores_.data(), kQueries};  // dP^T, then dS^T
    const std::int64_t first = keys.begin * width_;
    const ProductSize tile{keys.size(), kQueries, width_};
    tile_product(tile, {keys_.data() + first, width_}, {transposed_queries_.data(), kQueries},
                 scores_.data(), kQueries, Into::kEmpty);
    mask_scores(keys, queries, starts, scores_.data());
    tile_product(tile, {values_.data() + first, width_}, {transposed_grad_.data(), kQueries},
                 grad_scores_.data(), kQueries, Into::kEmpty);
    active_attention_rows().softmax_grad({.scores = scores_.data(),
                                          .grad = grad_scores_.data(),
                                          .keys = keys.size(),
                                          .scale = in_.scale(),
                                          .logsumexp = logsumexp_,
                                          .mean = mean_});
    const ProductSize sums{keys.size(), width_, queries.size()};
    tile_product(sums, p, grad_, sums_.values + first, width_, Into::kSum);
    tile_product(sums, grad_s, queries_, sums_.keys + first, width_, Into::kSum);
    tile_product({width_, kQueries, keys.size()}, {transposed_keys_.data() + keys.begin, stride_},
                 grad_s, transposed_grad_queries_.data(), kQueries, into);
  }

  const AttentionInputs& in_;
  const AttentionOutputs& outputs_;
  const AttentionGradients& gradients_;
  std::int64_t group_ = -1;
  KeySums sums_{};
  std::int64_t width_;         // h
  std::int64_t stride_;        // of transposed_keys_
  Matrix queries_{}, grad_{};  // [queries of the block, h]
  // [L, h] of the group, closer together than in the tensors.
  Buffer keys_, values_;
  Buffer transposed_keys_;          // [h, L]
  Buffer transposed_queries_;       // [h, kQueries]
  Buffer transposed_grad_;          // the same
  Buffer transposed_grad_queries_;  // the same
  Buffer scores_, grad_scores_;     // [kKeys, kQueries]
  float logsumexp_[kQueries], mean_[kQueries];
};

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> causal_attention_backward(
    const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const std::optional<at::Tensor>& starts, const at::Tensor& out, const at::Tensor& logsumexp) {
  const AttentionInputs inputs = attention_inputs(q, k, v, starts);
  const auto in_heads = [&](const at::Tensor& x) {
    return x.to(at::kFloat).contiguous().view(q.sizes());
  };
  const AttentionOutputs outputs{in_heads(grad), in_heads(out), logsumexp.contiguous()};
  const AttentionGradients gradients = differentiate<Backward>(inputs, outputs);
  const at::ScalarType type = q.scalar_type();
  return {gradients.q.to(type), gradients.k.to(type), gradients.v.to(type)};
}

}  // namespace superpose::ops::cpu
