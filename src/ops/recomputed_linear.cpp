#include "ops/recomputed_linear.h"

#include <ATen/record_function.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "ops/below_autograd.h"
#include "ops/checks.h"
#include "ops/cpu/products.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kSwiGluLinear = "swiglu_linear_accumulate";
constexpr const char* kNormLinear = "add_rms_norm_linear_accumulate";

at::Tensor named_swiglu(const at::Tensor& gate_up) {
  RECORD_USER_SCOPE("swiglu");
  return swiglu_forward(gate_up);
}

at::Tensor named_swiglu_backward(const at::Tensor& grad, const at::Tensor& gate_up) {
  RECORD_USER_SCOPE("swiglu");
  return swiglu_backward(grad, gate_up);
}

class SwiGluLinear : public torch::autograd::Function<SwiGluLinear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*anchor*/,
                            const at::Tensor& gate_up, const at::Tensor& weight,
                            const std::optional<at::Tensor>& grad_weight, bool input_grad) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({gate_up, weight});
    // Not a saved variable: the buffer is written to between forward and backward.
    context->saved_data["grad_weight"] = grad_weight;
    context->saved_data["input_grad"] = input_grad;
    return cpu::times_transposed(named_swiglu(gate_up), weight);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative(kSwiGluLinear);
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& gate_up = saved[0];
    // First, so that the recomputed input is freed before the other gradients come.
    if (const auto grad_weight = context->saved_data["grad_weight"].toOptional<at::Tensor>()) {
      add_weight_gradient(grads[0], named_swiglu(gate_up), *grad_weight);
    }
    variable_list result(5);
    if (context->saved_data["input_grad"].toBool()) {
      result[1] = named_swiglu_backward(cpu::times(grads[0], saved[1]), gate_up);
    }
    return result;
  }
};

at::Tensor named_norm_again(const at::Tensor& sum, const at::Tensor& weight,
                            const at::Tensor& rstd) {
  RECORD_USER_SCOPE("norm");
  return rms_norm_again(sum, weight, rstd);
}

class NormLinear : public torch::autograd::Function<NormLinear> {
 public:
  using OptionalTensor = std::optional<at::Tensor>;

  // Returns {product, sum} with delta, {product} without.
  static variable_list forward(AutogradContext* context, const at::Tensor& /*anchor*/,
                               const at::Tensor& x, const OptionalTensor& delta,
                               const at::Tensor& norm_weight, double eps,
                               const OptionalTensor& grad_norm_weight, const at::Tensor& weight,
                               const OptionalTensor& grad_weight) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [sum, normed, rstd] = [&] {
      RECORD_USER_SCOPE("norm");
      return add_rms_norm_forward(x, delta, norm_weight, eps);
    }();
    context->set_materialize_grads(false);
    context->save_for_backward({delta ? sum : x, norm_weight, rstd, weight});
    // Not saved variables: the buffers are written to between forward and backward.
    context->saved_data["grad_norm_weight"] = grad_norm_weight;
    context->saved_data["grad_weight"] = grad_weight;
    at::Tensor product = cpu::times_transposed(normed, weight);
    if (delta) return {std::move(product), std::move(sum)};
    return {std::move(product)};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative(kNormLinear);
    const bool has_delta = grads.size() == 2;
    at::Tensor grad_x = has_delta ? grads[1] : at::Tensor();
    if (grads[0].defined()) grad_x = through_product(context, grads[0], grad_x);
    variable_list result(8);
    result[1] = grad_x;
    if (has_delta) result[2] = grad_x;
    return result;
  }

 private:
  // The gradient of the sum: that of the product, added to that of its other uses.
  static at::Tensor through_product(AutogradContext* context, const at::Tensor& grad,
                                    const at::Tensor& grad_sum) {
    const auto buffer = [context](const char* name) {
      return context->saved_data[name].toOptional<at::Tensor>();
    };
    const variable_list saved = context->get_saved_variables();
    if (const auto grad_weight = buffer("grad_weight")) {
      add_weight_gradient(grad, named_norm_again(saved[0], saved[1], saved[2]), *grad_weight);
    }
    const at::Tensor grad_normed = cpu::times(grad, saved[3]);
    RECORD_USER_SCOPE("norm");
    return add_rms_norm_backward(grad_normed, if_defined(grad_sum), saved[0], saved[1], saved[2],
                                 buffer("grad_norm_weight"));
  }
};

}  // namespace

at::Tensor swiglu_linear_accumulate(const at::Tensor& gate_up, const at::Tensor& weight,
                                    const at::Tensor& grad_weight) {
  TORCH_CHECK_VALUE(gate_up.dim() == 2 && gate_up.size(1) % 2 == 0, kSwiGluLinear,
                    ": gate_up must be [N, 2 F], got ", gate_up.sizes());
  check_floating(kSwiGluLinear, "gate_up", gate_up);
  check_linear(kSwiGluLinear, gate_up, gate_up.size(1) / 2, weight, grad_weight);
  const at::Tensor anchor = make_anchor(weight, grad_weight);
  const bool input_grad = at::GradMode::is_enabled() && gate_up.requires_grad();
  if (!anchor.requires_grad() && !input_grad) {
    return cpu::times_transposed(named_swiglu(gate_up.detach()), weight.detach());
  }
  return SwiGluLinear::apply(anchor, gate_up, weight.detach(), if_defined(grad_weight), input_grad);
}

std::tuple<at::Tensor, at::Tensor> add_rms_norm_linear_accumulate(const at::Tensor& x,
                                                                  const at::Tensor& delta,
                                                                  const RmsNorm& norm,
                                                                  const at::Tensor& weight,
                                                                  const at::Tensor& grad_weight) {
  check_rms_norm(kNormLinear, x, delta, norm.weight, norm.grad_weight);
  check_eps(kNormLinear, norm.eps);
  check_linear(kNormLinear, x, x.size(1), weight, grad_weight);
  variable_list results = NormLinear::apply(
      make_anchor(weight, grad_weight), x, if_defined(delta), norm.weight.detach(), norm.eps,
      if_defined(norm.grad_weight), weight.detach(), if_defined(grad_weight));
  if (!delta.defined()) return {x, results[0]};
  return {results[1], results[0]};
}

}  // namespace superpose::ops
