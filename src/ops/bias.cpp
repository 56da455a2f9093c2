#include "ops/bias.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include "ops/below_autograd.h"
#include "ops/checks.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kName = "add_bias_accumulate";

at::Tensor sum_of(const at::Tensor& x, const at::Tensor& bias) {
  return (x + bias).to(x.scalar_type());
}

class AddBias : public torch::autograd::Function<AddBias> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*anchor*/,
                            const at::Tensor& x, const at::Tensor& bias,
                            const std::optional<at::Tensor>& grad_bias) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    // Not a saved variable: the buffer is written to between forward and backward.
    context->saved_data["grad_bias"] = grad_bias;
    return sum_of(x, bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative(kName);
    const at::Tensor& grad = grads[0];
    if (const auto grad_bias = context->saved_data["grad_bias"].toOptional<at::Tensor>()) {
      // A weight [F, 1] of an input that is 1 everywhere.
      add_weight_gradient(grad, at::ones({grad.size(0), 1}, grad.options()),
                          grad_bias->unsqueeze(1));
    }
    return {at::Tensor(), grad, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor add_bias_accumulate(const at::Tensor& x, const at::Tensor& bias,
                               const at::Tensor& grad_bias) {
  check_floating(kName, "x", x);
  TORCH_CHECK_VALUE(x.dim() == 2, kName, ": expected x [N, F], got ", x.sizes());
  const at::ScalarType type = accumulate_type(x.scalar_type());
  TORCH_CHECK_VALUE(bias.scalar_type() == type, kName, ": expected bias of type ", type, ", got ",
                    bias.scalar_type());
  check_device(kName, "bias", bias, x);
  TORCH_CHECK_VALUE(bias.dim() == 1 && bias.size(0) == x.size(1), kName, ": expected bias [",
                    x.size(1), "], got ", bias.sizes());
  check_grad_weight(kName, grad_bias, bias);
  return AddBias::apply(make_anchor(bias, grad_bias), x, bias.detach(), if_defined(grad_bias));
}

}  // namespace superpose::ops
