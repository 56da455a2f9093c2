#include "ops/bag_embedding_fallback.h"

#include <ATen/ops/zeros.h>

#include <string>

#include "ops/checks.h"
#include "ops/value_checks.h"

namespace superpose::ops {
namespace {

void check_bags(const at::Tensor& ids, std::int64_t vocabulary) {
  check_ids("bag_embedding: expected ids in [0, " + std::to_string(vocabulary) + ") or -1", ids, 0,
            vocabulary, -1);
  check_all("bag_embedding: expected at least one valid id in every bag, got one of padding alone",
            ids.ge(0).any(2));
}

}  // namespace

at::Tensor bag_embedding_fallback_forward(const at::Tensor& weight, const at::Tensor& ids) {
  check_bags(ids, weight.size(0));
  const at::ScalarType type = accumulate_type(weight.scalar_type());
  at::Tensor sum =
      at::zeros({ids.size(0), ids.size(1), weight.size(1)}, weight.options().dtype(type));
  for (std::int64_t i = 0; i < ids.size(2); ++i) {
    const at::Tensor slot = ids.select(2, i);  // [B, L]
    const at::Tensor rows = weight.index_select(0, slot.clamp_min(0).reshape({-1})).to(type);
    sum.add_(rows.view(sum.sizes()).masked_fill(slot.lt(0).unsqueeze(2), 0));
  }
  return sum.div_(ids.ge(0).sum(2, true)).to(weight.scalar_type());
}

void bag_embedding_fallback_add_gradient(const at::Tensor& grad, const at::Tensor& ids,
                                         const at::Tensor& grad_weight) {
  check_bags(ids, grad_weight.size(0));
  // [B, L, D]
  const at::Tensor share = grad.to(grad_weight.scalar_type()).div(ids.ge(0).sum(2, true));
  at::Tensor sum = at::zeros(grad_weight.sizes(), grad_weight.options());
  for (std::int64_t i = 0; i < ids.size(2); ++i) {
    const at::Tensor slot = ids.select(2, i);
    const at::Tensor rows = share.masked_fill(slot.lt(0).unsqueeze(2), 0);
    sum.index_add_(0, slot.clamp_min(0).reshape({-1}), rows.reshape({-1, share.size(2)}));
  }
  grad_weight.add_(sum);
}

}  // namespace superpose::ops
