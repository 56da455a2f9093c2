#include "ops/swiglu.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/below_autograd.h"
#include "ops/checks.h"
#include "ops/cpu/decoder_kernels.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Forward = at::Tensor(const at::Tensor&);
using Backward = at::Tensor(const at::Tensor&, const at::Tensor&);

at::Tensor forward_composite(const at::Tensor& gate_up) {
  const auto halves = gate_up.to(accumulate_type(gate_up.scalar_type())).chunk(2, -1);
  return (halves[0] * at::sigmoid(halves[0]) * halves[1]).to(gate_up.scalar_type());
}

at::Tensor backward_composite(const at::Tensor& grad, const at::Tensor& gate_up) {
  const auto halves = gate_up.to(accumulate_type(gate_up.scalar_type())).chunk(2, -1);
  const at::Tensor wide_grad = grad.to(accumulate_type(gate_up.scalar_type()));
  const at::Tensor& gate = halves[0];
  const at::Tensor gated = at::sigmoid(gate);
  const at::Tensor grad_gate = wide_grad * halves[1] * gated * (1 + gate * (1 - gated));
  const at::Tensor grad_up = wide_grad * gate * gated;
  return at::cat({grad_gate, grad_up}, -1).to(gate_up.scalar_type());
}

at::Tensor forward_cpu(const at::Tensor& gate_up) {
  return cpu::has_rows(gate_up) ? cpu::swiglu(gate_up) : forward_composite(gate_up);
}

at::Tensor backward_cpu(const at::Tensor& grad, const at::Tensor& gate_up) {
  return cpu::has_rows(gate_up) ? cpu::swiglu_backward(grad, gate_up)
                                : backward_composite(grad, gate_up);
}

class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_up) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({gate_up});
    return swiglu_forward(gate_up);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative("swiglu");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return {swiglu_backward(grads[0], context->get_saved_variables()[0])};
  }
};

}  // namespace

at::Tensor swiglu_forward(const at::Tensor& gate_up) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("superpose::_swiglu", "").typed<Forward>();
  return op.call(gate_up);
}

at::Tensor swiglu_backward(const at::Tensor& grad, const at::Tensor& gate_up) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("superpose::_swiglu_backward", "")
                             .typed<Backward>();
  return op.call(grad, gate_up);
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  TORCH_CHECK_VALUE(gate_up.dim() == 2 && gate_up.size(1) % 2 == 0,
                    "swiglu: gate_up must be [N, 2 F], got ", gate_up.sizes());
  check_floating("swiglu", "gate_up", gate_up);
  return SwiGlu::apply(gate_up);
}

}  // namespace superpose::ops

TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def("_swiglu(Tensor gate_up) -> Tensor");
  m.def("_swiglu_backward(Tensor grad, Tensor gate_up) -> Tensor");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_swiglu", superpose::ops::forward_composite);
  m.impl("_swiglu_backward", superpose::ops::backward_composite);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) {
  m.impl("_swiglu", superpose::ops::forward_cpu);
  m.impl("_swiglu_backward", superpose::ops::backward_cpu);
}
