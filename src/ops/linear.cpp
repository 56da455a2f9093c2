#include "ops/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/below_autograd.h"
#include "ops/checks.h"
#include "ops/cpu/products.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kName = "linear_accumulate";

class LinearAccumulate : public torch::autograd::Function<LinearAccumulate> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*anchor*/,
                            const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& grad_weight, bool x_grad) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({x, weight});
    // Not a saved variable: the buffer is written to between forward and backward, and that is
    // meant.
    context->saved_data["grad_weight"] = grad_weight;
    context->saved_data["x_grad"] = x_grad;
    return cpu::times_transposed(x, weight);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative(kName);
    const variable_list saved = context->get_saved_variables();
    const auto grad_weight = context->saved_data["grad_weight"].toOptional<at::Tensor>();
    variable_list result(5);
    if (context->saved_data["x_grad"].toBool()) result[1] = cpu::times(grads[0], saved[1]);
    if (grad_weight.has_value()) add_weight_gradient(grads[0], saved[0], *grad_weight);
    return result;
  }
};

void fallback_add_gradient(const at::Tensor& grad, const at::Tensor& x,
                           const at::Tensor& grad_weight) {
  const at::ScalarType type = grad_weight.scalar_type();
  grad_weight.addmm_(grad.to(type).t(), x.to(type));
}

}  // namespace

void check_linear(std::string_view who, const at::Tensor& x, std::int64_t width,
                  const at::Tensor& weight, const at::Tensor& grad_weight) {
  TORCH_CHECK_VALUE(weight.scalar_type() == x.scalar_type(), who, ": expected weight of type ",
                    x.scalar_type(), " like its input, got ", weight.scalar_type());
  check_device(who, "weight", weight, x);
  TORCH_CHECK_VALUE(weight.dim() == 2 && weight.size(1) == width, who, ": expected weight [out, ",
                    width, "], got ", weight.sizes());
  check_grad_weight(who, grad_weight, weight);
}

void add_weight_gradient(const at::Tensor& grad, const at::Tensor& x,
                         const at::Tensor& grad_weight) {
  RECORD_USER_SCOPE("weight gradient");
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::_linear_add_gradient", "")
          .typed<void(const at::Tensor&, const at::Tensor&, const at::Tensor&)>();
  op.call(grad, x, grad_weight);
}

at::Tensor linear_accumulate(const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& grad_weight) {
  check_floating(kName, "x", x);
  TORCH_CHECK_VALUE(x.dim() == 2, kName, ": expected x [N, in], got ", x.sizes());
  check_linear(kName, x, x.size(1), weight, grad_weight);
  const at::Tensor anchor = make_anchor(weight, grad_weight);
  const bool x_grad = at::GradMode::is_enabled() && x.requires_grad();
  if (!anchor.requires_grad() && !x_grad) return cpu::times_transposed(x.detach(), weight.detach());
  return LinearAccumulate::apply(anchor, x, weight.detach(), if_defined(grad_weight), x_grad);
}

TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def("_linear_add_gradient(Tensor grad, Tensor x, Tensor(a!) grad_weight) -> ()");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_linear_add_gradient", &fallback_add_gradient);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) {
  m.impl("_linear_add_gradient", &cpu::add_transposed_product);
}

}  // namespace superpose::ops
