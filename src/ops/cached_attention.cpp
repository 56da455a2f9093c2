#include "ops/cached_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <torch/library.h>

#include <cmath>
#include <limits>

#include "ops/checks.h"
#include "ops/cpu/cached_attention_kernel.h"
#include "ops/value_checks.h"

namespace superpose::ops {
namespace {

constexpr const char* kName = "cached_attention";

// One row, [L, H * h]: its heads by group, [K, G L, h], against its slot's keys and values.
at::Tensor attend_row(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                      std::int64_t start) {
  const std::int64_t length = q.size(0);
  const std::int64_t groups = keys.size(0);
  const at::ScalarType wide = accumulate_type(q.scalar_type());
  const at::Tensor heads = q.to(wide).unflatten(1, {groups, -1}).permute({1, 2, 0, 3});
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(2)));
  const at::Tensor scores = at::matmul(heads.flatten(1, 2) * scale, keys.to(wide).transpose(1, 2))
                                .view({groups, -1, length, start + length});
  const at::Tensor key = at::arange(start + length, q.options().dtype(at::kLong));
  const at::Tensor later = key > key.narrow(0, start, length).unsqueeze(1);
  const at::Tensor p = at::softmax(
      scores.masked_fill(later, -std::numeric_limits<double>::infinity()).flatten(1, 2), -1);
  return at::matmul(p, values.to(wide))
      .view({groups, -1, length, q.size(2)})
      .permute({2, 0, 1, 3})
      .flatten(1)
      .to(q.scalar_type());
}

at::Tensor composite(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& keys, const at::Tensor& values, const at::Tensor& slots,
                     const at::Tensor& starts) {
  const std::int64_t length = q.size(1);
  at::Tensor out = at::empty({q.size(0), length, q.size(2) * q.size(3)}, q.options());
  for (std::int64_t b = 0; length > 0 && b < q.size(0); ++b) {
    const auto slot = slots[b].item<std::int64_t>();
    const auto start = starts[b].item<std::int64_t>();
    const auto kept = [&](const at::Tensor& cache, const at::Tensor& fresh) {
      cache[slot].narrow(1, start, length).copy_(fresh[b].transpose(0, 1));
      return cache[slot].narrow(1, 0, start + length);
    };
    out[b].copy_(attend_row(q[b], kept(keys, k), kept(values, v), start));
  }
  return out;
}

at::Tensor on_cpu(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const at::Tensor& keys, const at::Tensor& values, const at::Tensor& slots,
                  const at::Tensor& starts) {
  if (q.scalar_type() != at::kFloat) return composite(q, k, v, keys, values, slots, starts);
  return cpu::cached_attention(q, k, v, {keys, values}, slots, starts);
}

void check_tensors(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                   const KeyValueSlots& cache) {
  TORCH_CHECK_VALUE(q.dim() == 4 && q.size(2) > 0 && q.size(3) > 0, kName,
                    ": q must be [B, L, H, h], got ", q.sizes());
  check_floating(kName, "q", q);
  TORCH_CHECK_VALUE(k.dim() == 4 && k.size(2) > 0 && q.size(2) % k.size(2) == 0, kName,
                    ": k must be [B, L, K, h] with K a divisor of ", q.size(2), ", got ",
                    k.sizes());
  const at::DimVector fresh = {q.size(0), q.size(1), k.size(2), q.size(3)};
  for (const at::Tensor& x : {k, v}) {
    TORCH_CHECK_VALUE(x.sizes() == at::IntArrayRef(fresh) && x.scalar_type() == q.scalar_type(),
                      kName, ": k and v must be ", at::IntArrayRef(fresh), " of ", q.scalar_type(),
                      ", got ", x.sizes(), " of ", x.scalar_type());
    check_device(kName, "k and v", x, q);
  }
  for (const at::Tensor& x : {cache.keys, cache.values}) {
    TORCH_CHECK_VALUE(x.dim() == 4 && x.sizes() == cache.keys.sizes() && x.size(1) == k.size(2) &&
                          x.size(3) == q.size(3) && x.scalar_type() == q.scalar_type() &&
                          x.is_contiguous(),
                      kName, ": a cache must be contiguous [S, ", k.size(2), ", C, ", q.size(3),
                      "] of ", q.scalar_type(), ", got ", x.sizes(), " of ", x.scalar_type());
    check_device(kName, "the cache", x, q);
  }
}

void check_rows(const at::Tensor& q, const KeyValueSlots& cache, const at::Tensor& slots,
                const at::Tensor& starts) {
  for (const auto& [name, x] : {std::pair("slots", slots), std::pair("starts", starts)}) {
    check_int64(kName, name, x);
    TORCH_CHECK_VALUE(x.sizes() == at::IntArrayRef({q.size(0)}), kName, ": ", name, " must be [",
                      q.size(0), "], got ", x.sizes());
  }
  const std::int64_t room = cache.keys.size(2) - q.size(1);
  check_values("cached_attention: slots must be in [0, " + std::to_string(cache.keys.size(0)) + ")",
               slots, slots.ge(0).logical_and(slots.lt(cache.keys.size(0))));
  check_all("cached_attention: slots must differ",
            slots.unsqueeze(0).eq(slots.unsqueeze(1)).sum(1).eq(1));
  check_values("cached_attention: starts must be in [0, " + std::to_string(room) + "]", starts,
               starts.ge(0).logical_and(starts.le(room)));
}

}  // namespace

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const KeyValueSlots& cache, const at::Tensor& slots,
                            const at::Tensor& starts) {
  check_tensors(q, k, v, cache);
  check_rows(q, cache, slots, starts);
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::_cached_attention", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                            const at::Tensor&, const at::Tensor&, const at::Tensor&,
                            const at::Tensor&)>();
  return op.call(q, k, v, cache.keys, cache.values, slots, starts);
}

}  // namespace superpose::ops

TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def(
      "_cached_attention(Tensor q, Tensor k, Tensor v, Tensor(a!) keys, Tensor(b!) values,"
      " Tensor slots, Tensor starts) -> Tensor");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_cached_attention", superpose::ops::composite);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) { m.impl("_cached_attention", superpose::ops::on_cpu); }
