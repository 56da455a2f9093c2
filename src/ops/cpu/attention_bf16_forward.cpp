// As attention_forward.cpp, with keys, values, queries and exponentials as bf16 operands.
#include "ops/cpu/attention_bf16_tiles.h"
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
        stride_(transposed_stride(pairs_of(inputs.length()))),
        queries_(width_),
        keys_(inputs.length() * pairs_of(width_)),
        transposed_values_(width_ * stride_),
        transposed_out_(width_ * kQueries),
        out_rows_(kQueries * width_),
        scores_(kKeys * kQueries),
        words_(kKeys / 2 * kQueries) {}
  ~Forward() { release_micro_kernels(); }
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  void attend(std::int64_t row, std::int64_t head, std::int64_t block) {
    take_group(row, head / in_.heads_of_group());
    const Range queries = in_.block(block);
    queries_.transpose(rows_from(bf16_head_of(in_.q, row, head), queries.begin), queries.size());
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
    copy_words(bf16_head_of(in_.k, row, kv_head), in_.length(), width_, keys_.data());
    transpose_bf16(bf16_head_of(in_.v, row, kv_head), in_.length(), width_,
                   transposed_values_.data(), stride_);
  }

  // Adds what a tile of keys gives to the block's sums and outputs.
  void add_tile(const Range& keys, const Range& queries, const std::int64_t* starts, Into into) {
    const AttentionRows& rows = active_attention_rows();
    const std::int64_t words = pairs_of(width_);
    multiply_bf16({keys.size(), kQueries, width_},
                  {as_bf16(keys_.data() + keys.begin * words), 2 * words}, queries_.transposed(),
                  scores_.data(), kQueries, Into::kEmpty);
    mask_scores(keys, queries, starts, scores_.data());
    float decay[kQueries];
    rows.softmax_pairs({.tile = {.scores = scores_.data(),
                                 .keys = keys.size(),
                                 .scale = in_.scale(),
                                 .maximum = maximum_,
                                 .sum = sum_,
                                 .decay = decay},
                        .words = words_.data()});
    if (into == Into::kSum) rows.scale_columns(transposed_out_.data(), width_, decay);
    multiply_bf16({width_, kQueries, keys.size()},
                  {as_bf16(transposed_values_.data() + keys.begin / 2), 2 * stride_},
                  {words_.data(), kQueries}, transposed_out_.data(), kQueries, into);
  }

  void finish(std::int64_t row, std::int64_t head, const Range& queries) {
    float inverse[kQueries];
    for (std::int64_t c = 0; c < kQueries; ++c) inverse[c] = 1.0F / sum_[c];
    active_attention_rows().scale_columns(transposed_out_.data(), width_, inverse);
    transpose({transposed_out_.data(), kQueries}, width_, queries.size(), out_rows_.data(), width_);
    const std::int64_t stride = in_.q.size(2) * width_;
    narrow_rows({out_rows_.data(), width_}, queries.size(), width_,
                bf16_head_to_write(out_, row, head) + queries.begin * stride, stride);
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
  std::int64_t stride_;          // of transposed_values_, in words
  std::int64_t group_ = -1;
  BlockOperand queries_;
  Buffer keys_;               // [L, w] words
  Buffer transposed_values_;  // [h, L] bf16
  Buffer transposed_out_;     // [h, kQueries]
  Buffer out_rows_;           // [kQueries, h]
  Buffer scores_;             // [kKeys, kQueries]
  Buffer words_;              // [kKeys / 2, kQueries] of the exponentials
  float maximum_[kQueries], sum_[kQueries];
};

}  // namespace

std::tuple<at::Tensor, at::Tensor> causal_attention_bf16(const at::Tensor& q, const at::Tensor& k,
                                                         const at::Tensor& v,
                                                         const std::optional<at::Tensor>& starts) {
  return attend<Forward>(attention_inputs(q, k, v, starts, at::kBFloat16));
}

}  // namespace superpose::ops::cpu
