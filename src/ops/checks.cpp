#include "ops/checks.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <cmath>

namespace superpose::ops {

void check_eps(std::string_view who, double eps) {
  TORCH_CHECK_VALUE(eps >= 0 && std::isfinite(eps), who, ": expected a finite eps >= 0, got ", eps);
}

void check_grad_weight(std::string_view who, const at::Tensor& grad_weight,
                       const at::Tensor& weight) {
  if (!grad_weight.defined()) return;
  const at::ScalarType type = accumulate_type(weight.scalar_type());
  TORCH_CHECK_VALUE(grad_weight.scalar_type() == type, who, ": expected grad_weight of type ", type,
                    ", got ", grad_weight.scalar_type());
  TORCH_CHECK_VALUE(grad_weight.sizes() == weight.sizes(), who, ": expected grad_weight of shape ",
                    weight.sizes(), ", got ", grad_weight.sizes());
  TORCH_CHECK_VALUE(grad_weight.is_contiguous(), who,
                    ": expected a contiguous grad_weight, got strides ", grad_weight.strides());
  TORCH_CHECK_VALUE(
      !grad_weight.requires_grad(), who,
      ": expected grad_weight without requires_grad, got one that requires a gradient");
  check_device(who, "grad_weight", grad_weight, weight);
}

void check_head(std::string_view who, const at::Tensor& hidden, const at::Tensor& weight,
                const at::Tensor& targets) {
  check_floating(who, "hidden", hidden);
  TORCH_CHECK_VALUE(weight.scalar_type() == hidden.scalar_type(), who, ": expected weight of type ",
                    hidden.scalar_type(), " like hidden, got ", weight.scalar_type());
  check_int64(who, "targets", targets);
  check_device(who, "weight", weight, hidden);
  check_device(who, "targets", targets, hidden);
  TORCH_CHECK_VALUE(hidden.dim() == 2 && hidden.sym_size(1) >= 1, who,
                    ": expected hidden [N, D], got ", hidden.sym_sizes());
  TORCH_CHECK_VALUE(
      weight.dim() == 2 && weight.sym_size(0) >= 1 && weight.sym_size(1) == hidden.sym_size(1), who,
      ": expected weight [V, ", hidden.sym_size(1), "], got ", weight.sym_sizes());
  TORCH_CHECK_VALUE(
      targets.dim() == 2 && targets.sym_size(0) == hidden.sym_size(0) && targets.sym_size(1) >= 1,
      who, ": expected targets [", hidden.sym_size(0), ", s] with s >= 1, got ",
      targets.sym_sizes());
}

void check_first_derivative(std::string_view who) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      !at::GradMode::is_enabled(), who,
      ": has no second derivative, got a backward pass with create_graph=True");
}

at::Tensor make_anchor(const at::Tensor& weight, const at::Tensor& grad_weight) {
  const bool wanted = grad_weight.defined() && at::GradMode::is_enabled();
  return at::empty({0}, weight.options().requires_grad(false)).set_requires_grad(wanted);
}

}  // namespace superpose::ops
