#include "ops/lean_linear.h"

#include <ATen/record_function.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include "ops/below_autograd.h"
#include "ops/checks.h"
#include "ops/cpu/products.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kSwiGluLinear = "swiglu_linear_accumulate";

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
    // First, so that the input made again is gone before the other gradients come.
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
  return SwiGluLinear::apply(anchor, gate_up, weight.detach(), optional_buffer(grad_weight),
                             input_grad);
}

}  // namespace superpose::ops
