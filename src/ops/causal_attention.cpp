#include "ops/causal_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <limits>
#include <optional>

#include "ops/checks.h"
#include "ops/cpu/attention_kernel.h"
#include "ops/cpu/bf16_products.h"
#include "ops/cpu/decoder_kernels.h"
#include "ops/value_checks.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<at::Tensor>;
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Forward = std::tuple<at::Tensor, at::Tensor>(const at::Tensor&, const at::Tensor&,
                                                   const at::Tensor&, const OptionalTensor&);
using Backward = Gradients(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                           const at::Tensor&, const OptionalTensor&, const at::Tensor&,
                           const at::Tensor&);

// ---- Composed ----

// x [B, L, K, h] to [B, H, L, h] in the type that sums are held in.
at::Tensor by_head(const at::Tensor& x, std::int64_t num_heads) {
  const at::Tensor heads = x.to(accumulate_type(x.scalar_type())).transpose(1, 2);
  const std::int64_t times = num_heads / heads.size(1);
  return heads.unsqueeze(2).expand({-1, -1, times, -1, -1}).flatten(1, 2);
}

// grad [B, H, L, h] to [B, L, K, h]: heads that read the same keys are summed.
at::Tensor by_position(const at::Tensor& grad, std::int64_t kv_heads, at::ScalarType type) {
  const at::Tensor groups = grad.unflatten(1, {kv_heads, grad.size(1) / kv_heads});
  return groups.sum(2).transpose(1, 2).contiguous().to(type);
}

// True where position i may not attend to j: [L, L], or [B, 1, L, L] with documents.
at::Tensor masked_pairs(const at::Tensor& q, const OptionalTensor& starts) {
  const at::Tensor key = at::arange(q.size(1), q.options().dtype(at::kLong));
  const at::Tensor later = key > key.unsqueeze(1);
  if (!starts) return later;
  return (later | (key < starts->unsqueeze(-1))).unsqueeze(1);
}

at::Tensor scores(const at::Tensor& q, const at::Tensor& k, const OptionalTensor& starts) {
  const std::int64_t num_heads = q.size(2);
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  return at::matmul(by_head(q, num_heads) * scale, by_head(k, num_heads).transpose(2, 3))
      .masked_fill(masked_pairs(q, starts), -std::numeric_limits<double>::infinity());
}

std::tuple<at::Tensor, at::Tensor> forward_composite(const at::Tensor& q, const at::Tensor& k,
                                                     const at::Tensor& v,
                                                     const OptionalTensor& starts) {
  const at::Tensor s = scores(q, k, starts);
  const at::Tensor log_p = at::log_softmax(s, -1);
  // Every score that is not masked tells it, and each position attends to itself.
  at::Tensor logsumexp = (s - log_p).diagonal(0, 2, 3).contiguous();      // [B, H, L]
  const at::Tensor out = at::matmul(log_p.exp(), by_head(v, q.size(2)));  // [B, H, L, h]
  return {out.transpose(1, 2).flatten(2).to(q.scalar_type()).contiguous(), std::move(logsumexp)};
}

// The formula stands in cpu/attention_backward.cpp.
Gradients backward_composite(const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k,
                             const at::Tensor& v, const OptionalTensor& starts,
                             const at::Tensor& out, const at::Tensor& logsumexp) {
  const std::int64_t num_heads = q.size(2);
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor grad_out = by_head(grad.reshape(q.sizes()), num_heads);
  const at::Tensor p = (scores(q, k, starts) - logsumexp.unsqueeze(-1)).exp();
  const at::Tensor grad_p = at::matmul(grad_out, by_head(v, num_heads).transpose(2, 3));
  const at::Tensor mean =
      (grad_out * by_head(out.view(q.sizes()), num_heads)).sum(-1, /*keepdim=*/true);
  const at::Tensor grad_s = p * (grad_p - mean) * scale;
  const auto finish = [&](const at::Tensor& of_heads, const at::Tensor& like) {
    return by_position(of_heads, like.size(2), like.scalar_type());
  };
  return {finish(at::matmul(grad_s, by_head(k, num_heads)), q),
          finish(at::matmul(grad_s.transpose(2, 3), by_head(q, num_heads)), k),
          finish(at::matmul(p.transpose(2, 3), grad_out), v)};
}

// ---- CPU ----

bool takes_bf16_tiles(const at::Tensor& q) {
  return q.scalar_type() == at::kBFloat16 && cpu::has_bf16_products();
}

std::tuple<at::Tensor, at::Tensor> forward_cpu(const at::Tensor& q, const at::Tensor& k,
                                               const at::Tensor& v, const OptionalTensor& starts) {
  if (!cpu::has_rows(q)) return forward_composite(q, k, v, starts);
  const auto form = takes_bf16_tiles(q) ? cpu::causal_attention_bf16 : cpu::causal_attention;
  return form(q, k, v, starts);
}

Gradients backward_cpu(const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k,
                       const at::Tensor& v, const OptionalTensor& starts, const at::Tensor& out,
                       const at::Tensor& logsumexp) {
  if (!cpu::has_rows(q)) return backward_composite(grad, q, k, v, starts, out, logsumexp);
  const auto form =
      takes_bf16_tiles(q) ? cpu::causal_attention_bf16_backward : cpu::causal_attention_backward;
  return form(grad, q, k, v, starts, out, logsumexp);
}

class CausalAttention : public torch::autograd::Function<CausalAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const OptionalTensor& starts) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("superpose::_causal_attention", "")
                               .typed<Forward>();
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [out, logsumexp] = op.call(q, k, v, starts);
    context->save_for_backward({q, k, v, starts.value_or(at::Tensor()), out, logsumexp});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("superpose::_causal_attention_backward", "")
                               .typed<Backward>();
    check_first_derivative("causal_attention");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const variable_list saved = context->get_saved_variables();
    auto [grad_q, grad_k, grad_v] =
        op.call(grads[0], saved[0], saved[1], saved[2], if_defined(saved[3]), saved[4], saved[5]);
    return {grad_q, grad_k, grad_v, at::Tensor()};
  }
};

void check_arguments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  TORCH_CHECK_VALUE(q.dim() == 4 && q.size(2) > 0 && q.size(3) > 0,
                    "causal_attention: q must be [B, L, H, h], got ", q.sizes());
  check_floating("causal_attention", "q", q);
  TORCH_CHECK_VALUE(k.dim() == 4 && k.size(2) > 0 && q.size(2) % k.size(2) == 0,
                    "causal_attention: k must be [B, L, K, h] with K a divisor of ", q.size(2),
                    ", got ", k.sizes());
  for (const at::Tensor& x : {k, v}) {
    TORCH_CHECK_VALUE(x.sizes() == at::IntArrayRef({q.size(0), q.size(1), k.size(2), q.size(3)}) &&
                          x.scalar_type() == q.scalar_type(),
                      "causal_attention: k and v must be [", q.size(0), ", ", q.size(1), ", K, ",
                      q.size(3), "] of ", q.scalar_type(), ", got ", x.sizes(), " of ",
                      x.scalar_type());
    check_device("causal_attention", "k and v", x, q);
  }
}

void check_starts(const at::Tensor& starts, const at::Tensor& q) {
  check_int64("causal_attention", "document_starts", starts);
  check_device("causal_attention", "document_starts", starts, q);
  const std::int64_t length = q.size(1);
  TORCH_CHECK_VALUE(starts.sizes() == at::IntArrayRef({q.size(0), length}),
                    "causal_attention: document_starts must be [", q.size(0), ", ", length,
                    "], got ", starts.sizes());
  if (starts.is_meta() || starts.numel() == 0) return;
  const at::Tensor position = at::arange(length, starts.options());
  check_all("causal_attention: document_starts must be in [0, position]",
            starts.ge(0).logical_and(starts.le(position)));
  check_all("causal_attention: document_starts must not decrease within a row",
            starts.narrow(1, 1, length - 1).ge(starts.narrow(1, 0, length - 1)));
}

}  // namespace

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& document_starts) {
  check_arguments(q, k, v);
  if (document_starts.defined()) check_starts(document_starts, q);
  if (document_starts.defined() || q.is_meta() || (q.is_cpu() && cpu::has_rows(q))) {
    return CausalAttention::apply(q, k, v, if_defined(document_starts));
  }
  return at::scaled_dot_product_attention(
             q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), /*attn_mask=*/{},
             /*dropout_p=*/0.0, /*is_causal=*/true, /*scale=*/std::nullopt,
             /*enable_gqa=*/q.size(2) != k.size(2))
      .transpose(1, 2)
      .flatten(2);
}

}  // namespace superpose::ops

TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def(
      "_causal_attention(Tensor q, Tensor k, Tensor v, Tensor? document_starts)"
      " -> (Tensor out, Tensor logsumexp)");
  m.def(
      "_causal_attention_backward(Tensor grad, Tensor q, Tensor k, Tensor v,"
      " Tensor? document_starts, Tensor out, Tensor logsumexp)"
      " -> (Tensor grad_q, Tensor grad_k, Tensor grad_v)");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_causal_attention", superpose::ops::forward_composite);
  m.impl("_causal_attention_backward", superpose::ops::backward_composite);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) {
  m.impl("_causal_attention", superpose::ops::forward_cpu);
  m.impl("_causal_attention_backward", superpose::ops::backward_cpu);
}
