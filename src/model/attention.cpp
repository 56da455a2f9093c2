#include "model/attention.h"

#include <ATen/ops/add.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/triu.h>

#include <cmath>
#include <limits>

// B rows, L positions, H query heads, K key/value heads, h head dim.

namespace superpose::model {
namespace {

// [B, K, L, h] to [B, H, L, h].
at::Tensor repeated(const at::Tensor& x, std::int64_t num_heads) {
  const std::int64_t times = num_heads / x.size(1);
  return x.unsqueeze(2).expand({-1, -1, times, -1, -1}).flatten(1, 2);
}

at::Tensor composed(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const std::int64_t length = q.size(2);
  const at::Tensor mask = at::triu(
      at::full({length, length}, -std::numeric_limits<double>::infinity(), q.options()), 1);
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor scores = at::matmul(q.mul(scale), repeated(k, q.size(1)).transpose(2, 3));
  return at::matmul(at::softmax(at::add(scores, mask), -1), repeated(v, q.size(1)));
}

}  // namespace

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const at::Tensor queries = q.transpose(1, 2);  // [B, H, L, h]
  const at::Tensor keys = k.transpose(1, 2);
  const at::Tensor values = v.transpose(1, 2);
  const at::Tensor mixed =
      q.is_meta() ? composed(queries, keys, values)
                  : at::scaled_dot_product_attention(queries, keys, values, /*attn_mask=*/{},
                                                     /*dropout_p=*/0.0, /*is_causal=*/true,
                                                     /*scale=*/std::nullopt,
                                                     /*enable_gqa=*/q.size(2) != k.size(2));
  return mixed.transpose(1, 2).flatten(2);
}

}  // namespace superpose::model
