// Causal attention without its matrix of scores (Dao et al. 2022, "FlashAttention", algorithm 1).
//
// For a block of queries of one head, the keys are passed over tile by tile. Each tile gives a
// block of scores, of which the softmax needs the maximum and the sum over all keys; both are kept
// as running values, and what was summed before is scaled down whenever the maximum rises (Milakov
// and Gimelshein 2018). Only one tile of scores exists at a time, tiles above the diagonal and
// before the first document of the block are never formed, and backward gets one number per query,
// the logsumexp.
//
// Tiles hold a query in each column (attention_rows.h). A block is one task, its keys are summed in
// order: the same bits for any number of threads. Cost: about 2 L^2 h FLOPs per head, and O(L h)
// memory per thread.
#include "ops/cpu/attention_groups.h"
#include "ops/cpu/attention_kernel.h"

namespace superpose::ops::cpu {
namespace {

// The memory of one thread, and the group it is at.
class Forward {
 public:
  Forward(const AttentionInputs& inputs, const at::Tensor& out, const at::Tensor& logsumexp)
      : in_(inputs),
        out_(out),
        logsumexp_(logsumexp),
        width_(inputs.width()),
        stride_(transposed_stride(inputs.length())),
        keys_(inputs.length() * width_),
        transposed_values_(width_ * stride_),
        transposed_queries_(width_ * kQueries),
        transposed_out_(width_ * kQueries),
        scores_(kKeys * kQueries) {}

  void attend(std::int64_t row, std::int64_t head, std::int64_t block) {
    take_group(row, head / in_.heads_of_group());
    const Range queries = in_.block(block);
    const Matrix q = head_of(in_.q, row, head);
    transpose_queries(rows_from(q, queries.begin), queries.size(), width_,
                      transposed_queries_.data());
    std::fill_n(maximum_, kQueries, std::numeric_limits<float>::lowest());
    std::fill_n(sum_, kQueries, 0.0F);
    const Range keys = in_.keys_of(row, queries);
    for (std::int64_t key = keys.begin; key < keys.end; key += kKeys) {
      add_tile(tile_of(keys, key), queries, in_.starts_of(row),
               key == keys.begin ? Into::kEmpty : Into::kSum);
    }
    finish(row, head, queries);
  }

 private:
  void take_group(std::int64_t row, std::int64_t kv_head) {
    const std::int64_t group = row * in_.k.size(2) + kv_head;
    if (group == group_) return;
    group_ = group;
    copy_rows(head_of(in_.k, row, kv_head), in_.length(), width_, keys_.data(), width_);
    transpose(head_of(in_.v, row, kv_head), in_.length(), width_, transposed_values_.data(),
              stride_);
  }

  // Adds what a tile of keys gives to the block's sums and outputs.
  void add_tile(const Range& keys, const Range& queries, const std::int64_t* starts, Into into) {
    const AttentionRows& rows = active_attention_rows();
    float* scores = scores_.data();
    tile_product({keys.size(), kQueries, width_}, {keys_.data() + keys.begin * width_, width_},
                 {transposed_queries_.data(), kQueries}, scores, kQueries, Into::kEmpty);
    mask_scores(keys, queries, starts, scores);
    float decay[kQueries];
    rows.softmax({.scores = scores,
                  .keys = keys.size(),
                  .scale = in_.scale(),
                  .maximum = maximum_,
                  .sum = sum_,
                  .decay = decay});
    if (into == Into::kSum) rows.scale_columns(transposed_out_.data(), width_, decay);
    tile_product({width_, kQueries, keys.size()}, {transposed_values_.data() + keys.begin, stride_},
                 {scores, kQueries}, transposed_out_.data(), kQueries, into);
  }

  void finish(std::int64_t row, std::int64_t head, const Range& queries) {
    float inverse[kQueries];
    for (std::int64_t c = 0; c < kQueries; ++c) inverse[c] = 1.0F / sum_[c];
    active_attention_rows().scale_columns(transposed_out_.data(), width_, inverse);
    const std::int64_t stride = in_.q.size(2) * width_;
    transpose({transposed_out_.data(), kQueries}, width_, queries.size(),
              head_to_write(out_, row, head) + queries.begin * stride, stride);
    float* logsumexp = logsumexp_.mutable_data_ptr<float>() +
                       (row * in_.q.size(2) + head) * in_.length() + queries.begin;
    for (std::int64_t c = 0; c < queries.size(); ++c) {
      logsumexp[c] = maximum_[c] * in_.scale() + std::log(sum_[c]);
    }
  }

  const AttentionInputs& in_;
  const at::Tensor& out_;        // [B, L, H, h]
  const at::Tensor& logsumexp_;  // [B, H, L]
  std::int64_t width_;           // h
  std::int64_t stride_;          // of transposed_values_
  std::int64_t group_ = -1;
  Buffer keys_;                // [L, h], closer together than in the tensor
  Buffer transposed_values_;   // [h, L]
  Buffer transposed_queries_;  // [h, kQueries]
  Buffer transposed_out_;      // [h, kQueries]
  Buffer scores_;              // [kKeys, kQueries]
  float maximum_[kQueries], sum_[kQueries];
};

}  // namespace

std::tuple<at::Tensor, at::Tensor> causal_attention(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v,
                                                    const std::optional<at::Tensor>& starts) {
  auto [out, logsumexp] = attend<Forward>(attention_inputs(q, k, v, starts));
  return {out.to(q.scalar_type()), std::move(logsumexp)};
}

}  // namespace superpose::ops::cpu
