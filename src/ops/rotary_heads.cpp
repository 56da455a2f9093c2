#include "ops/rotary_heads.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/rsqrt.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <optional>

#include "ops/checks.h"
#include "ops/cpu/decoder_kernels.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<at::Tensor>;
using Heads = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Forward = Heads(const at::Tensor&, const at::Tensor&, const at::Tensor&, std::int64_t,
                      std::int64_t, const OptionalTensor&, const OptionalTensor&, double);
using Backward = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                            const OptionalTensor&, const at::Tensor&, const at::Tensor&,
                            const OptionalTensor&, const OptionalTensor&, double,
                            const OptionalTensor&, const OptionalTensor&);

// x [B, L, M, h]; cosines and sines [L, h / 2] or [B, L, h / 2].
at::Tensor rotated(const at::Tensor& x, const at::Tensor& cosines, const at::Tensor& sines) {
  const auto halves = x.chunk(2, -1);
  const at::Tensor cosine = cosines.unsqueeze(-2);  // [L, 1, h / 2] or [B, L, 1, h / 2]
  const at::Tensor sine = sines.unsqueeze(-2);
  return at::cat({halves[0] * cosine - halves[1] * sine, halves[1] * cosine + halves[0] * sine},
                 -1);
}

at::Tensor inverse_rms(const at::Tensor& x, double eps) {
  return at::rsqrt((x * x).mean(-1, /*keepdim=*/true) + eps);
}

Heads forward_composite(const at::Tensor& qkv, const at::Tensor& cosines, const at::Tensor& sines,
                        std::int64_t num_heads, std::int64_t num_kv_heads,
                        const OptionalTensor& q_weight, const OptionalTensor& k_weight,
                        double eps) {
  // [B, L, H + 2 K, h]
  const at::Tensor heads = qkv.view({qkv.size(0), qkv.size(1), num_heads + 2 * num_kv_heads, -1});
  const auto rotate_part = [&](std::int64_t first, std::int64_t count,
                               const OptionalTensor& weight) {
    at::Tensor part = heads.narrow(2, first, count).to(cosines.scalar_type());
    if (weight) part = part * inverse_rms(part, eps) * *weight;
    return rotated(part, cosines, sines).to(qkv.scalar_type());
  };
  // clone: an operator may not return a view of its input.
  return {
      rotate_part(0, num_heads, q_weight), rotate_part(num_heads, num_kv_heads, k_weight),
      heads.narrow(2, num_heads + num_kv_heads, num_kv_heads).clone(at::MemoryFormat::Contiguous)};
}

// Gradient of one part (queries or keys) before norm and rotation; adds the norm weight's.
at::Tensor part_backward(const at::Tensor& grad, const OptionalTensor& part, double eps,
                         const OptionalTensor& weight, const OptionalTensor& grad_weight) {
  if (!weight) return grad;
  const at::Tensor wide = part->to(grad.scalar_type());
  const at::Tensor rstd = inverse_rms(wide, eps);
  const at::Tensor unit = wide * rstd;
  if (grad_weight) grad_weight->add_((grad * unit).sum(at::IntArrayRef{0, 1, 2}));
  const at::Tensor weighted = grad * *weight;
  return (weighted - unit * (weighted * unit).mean(-1, /*keepdim=*/true)) * rstd;
}

at::Tensor backward_composite(const at::Tensor& grad_q, const at::Tensor& grad_k,
                              const at::Tensor& grad_v, const OptionalTensor& qkv,
                              const at::Tensor& cosines, const at::Tensor& sines,
                              const OptionalTensor& q_weight, const OptionalTensor& k_weight,
                              double eps, const OptionalTensor& grad_q_weight,
                              const OptionalTensor& grad_k_weight) {
  const at::ScalarType type = grad_q.scalar_type();
  const std::int64_t num_heads = grad_q.size(2);
  const std::int64_t num_kv_heads = grad_k.size(2);
  const auto part = [&](std::int64_t first, std::int64_t count) -> OptionalTensor {
    if (!qkv) return std::nullopt;
    const std::int64_t all = num_heads + 2 * num_kv_heads;
    return qkv->view({qkv->size(0), qkv->size(1), all, -1}).narrow(2, first, count);
  };
  const at::Tensor back = sines.neg();
  const at::Tensor back_q = rotated(grad_q.to(cosines.scalar_type()), cosines, back);
  const at::Tensor back_k = rotated(grad_k.to(cosines.scalar_type()), cosines, back);
  const at::Tensor q = part_backward(back_q, part(0, num_heads), eps, q_weight, grad_q_weight);
  const at::Tensor k =
      part_backward(back_k, part(num_heads, num_kv_heads), eps, k_weight, grad_k_weight);
  return at::cat({q.to(type), k.to(type), grad_v}, 2).flatten(2);
}

Heads forward_cpu(const at::Tensor& qkv, const at::Tensor& cosines, const at::Tensor& sines,
                  std::int64_t num_heads, std::int64_t num_kv_heads, const OptionalTensor& q_weight,
                  const OptionalTensor& k_weight, double eps) {
  const auto form = cpu::has_rows(qkv) ? cpu::rotary_heads : forward_composite;
  return form(qkv, cosines, sines, num_heads, num_kv_heads, q_weight, k_weight, eps);
}

at::Tensor backward_cpu(const at::Tensor& grad_q, const at::Tensor& grad_k,
                        const at::Tensor& grad_v, const OptionalTensor& qkv,
                        const at::Tensor& cosines, const at::Tensor& sines,
                        const OptionalTensor& q_weight, const OptionalTensor& k_weight, double eps,
                        const OptionalTensor& grad_q_weight, const OptionalTensor& grad_k_weight) {
  const auto form = cpu::has_rows(grad_q) ? cpu::rotary_heads_backward : backward_composite;
  return form(grad_q, grad_k, grad_v, qkv, cosines, sines, q_weight, k_weight, eps, grad_q_weight,
              grad_k_weight);
}

class RotaryHeads : public torch::autograd::Function<RotaryHeads> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& qkv,
                               const RotaryAngles& angles, const HeadLayout& layout,
                               const HeadNorms& norms) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("superpose::_rotary_heads", "")
                               .typed<Forward>();
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({norms.q_weight.defined() ? qkv : at::Tensor(), angles.cosines,
                                angles.sines, norms.q_weight, norms.k_weight});
    // Not saved variables: they are written to before backward, which autograd would refuse.
    context->saved_data["grad_q_weight"] = if_defined(norms.grad_q_weight);
    context->saved_data["grad_k_weight"] = if_defined(norms.grad_k_weight);
    context->saved_data["eps"] = norms.eps;
    auto [q, k, v] =
        op.call(qkv, angles.cosines, angles.sines, layout.num_heads, layout.num_kv_heads,
                if_defined(norms.q_weight), if_defined(norms.k_weight), norms.eps);
    return {q, k, v};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative("rotary_heads");
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("superpose::_rotary_heads_backward", "")
                               .typed<Backward>();
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const variable_list saved = context->get_saved_variables();
    const auto target = [&](const char* name) {
      return context->saved_data[name].toOptional<at::Tensor>();
    };
    const at::Tensor grad =
        op.call(grads[0], grads[1], grads[2], if_defined(saved[0]), saved[1], saved[2],
                if_defined(saved[3]), if_defined(saved[4]), context->saved_data["eps"].toDouble(),
                target("grad_q_weight"), target("grad_k_weight"));
    return {grad, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

void check_angles(const RotaryAngles& angles, const at::Tensor& qkv, const HeadLayout& layout,
                  at::ScalarType wide) {
  const std::int64_t half = layout.head_dim / 2;
  const bool by_row = angles.cosines.dim() == 3;
  for (const at::Tensor& table : {angles.cosines, angles.sines}) {
    const bool fits = by_row ? table.sizes() == at::IntArrayRef({qkv.size(0), qkv.size(1), half})
                             : table.sizes() == at::IntArrayRef({qkv.size(1), half});
    TORCH_CHECK_VALUE(fits && table.scalar_type() == wide && table.is_contiguous(),
                      "rotary_heads: cosines and sines must be contiguous [", qkv.size(1), ", ",
                      half, "] or [", qkv.size(0), ", ", qkv.size(1), ", ", half, "] of ", wide,
                      ", got ", table.sizes(), " of ", table.scalar_type());
  }
}

void check_norms(const HeadNorms& norms, const HeadLayout& layout, at::ScalarType wide) {
  TORCH_CHECK_VALUE(norms.q_weight.defined() == norms.k_weight.defined(),
                    "rotary_heads: norm weights must be given for both queries and keys");
  const auto check = [&](const at::Tensor& weight, const at::Tensor& gradient) {
    TORCH_CHECK_VALUE(weight.defined() || !gradient.defined(),
                      "rotary_heads: a norm's gradient must come with its weight");
    if (!weight.defined()) return;
    TORCH_CHECK_VALUE(
        weight.dim() == 1 && weight.size(0) == layout.head_dim && weight.scalar_type() == wide,
        "rotary_heads: norm weights must be [", layout.head_dim, "] of ", wide, ", got ",
        weight.sizes(), " of ", weight.scalar_type());
    check_grad_weight("rotary_heads", gradient, weight);
  };
  check(norms.q_weight, norms.grad_q_weight);
  check(norms.k_weight, norms.grad_k_weight);
}

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> rotary_heads_accumulate(const at::Tensor& qkv,
                                                                       const RotaryAngles& angles,
                                                                       const HeadLayout& layout,
                                                                       const HeadNorms& norms) {
  TORCH_CHECK_VALUE(layout.num_heads > 0 && layout.num_kv_heads > 0 && layout.head_dim > 0 &&
                        layout.head_dim % 2 == 0,
                    "rotary_heads: heads must be > 0 and head_dim even, got ", layout.num_heads,
                    ", ", layout.num_kv_heads, ", ", layout.head_dim);
  const std::int64_t width = (layout.num_heads + 2 * layout.num_kv_heads) * layout.head_dim;
  TORCH_CHECK_VALUE(qkv.dim() == 3 && qkv.size(2) == width, "rotary_heads: qkv must be [B, L, ",
                    width, "], got ", qkv.sizes());
  check_floating("rotary_heads", "qkv", qkv);
  const at::ScalarType wide = accumulate_type(qkv.scalar_type());
  check_angles(angles, qkv, layout, wide);
  check_norms(norms, layout, wide);
  check_eps("rotary_heads", norms.eps);
  const variable_list heads = RotaryHeads::apply(qkv.contiguous(), angles, layout, norms);
  return {heads[0], heads[1], heads[2]};
}

}  // namespace superpose::ops

TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def(
      "_rotary_heads(Tensor qkv, Tensor cosines, Tensor sines, int num_heads, int num_kv_heads,"
      " Tensor? q_weight, Tensor? k_weight, float eps) -> (Tensor q, Tensor k, Tensor v)");
  m.def(
      "_rotary_heads_backward(Tensor grad_q, Tensor grad_k, Tensor grad_v, Tensor? qkv,"
      " Tensor cosines, Tensor sines, Tensor? q_weight, Tensor? k_weight, float eps,"
      " Tensor(a!)? grad_q_weight, Tensor(b!)? grad_k_weight) -> Tensor");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_rotary_heads", superpose::ops::forward_composite);
  m.impl("_rotary_heads_backward", superpose::ops::backward_composite);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) {
  m.impl("_rotary_heads", superpose::ops::forward_cpu);
  m.impl("_rotary_heads_backward", superpose::ops::backward_cpu);
}
