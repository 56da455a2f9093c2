#include "ops/rms_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/rsqrt.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <optional>

#include "ops/below_autograd.h"
#include "ops/checks.h"
#include "ops/cpu/decoder_kernels.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<at::Tensor>;
using Again = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&);
using Forward = std::tuple<at::Tensor, at::Tensor, at::Tensor>(const at::Tensor&,
                                                               const OptionalTensor&,
                                                               const at::Tensor&, double);
using Backward = at::Tensor(const at::Tensor&, const OptionalTensor&, const at::Tensor&,
                            const at::Tensor&, const at::Tensor&, const OptionalTensor&);

at::Tensor again_composite(const at::Tensor& sum, const at::Tensor& weight,
                           const at::Tensor& rstd) {
  return (sum.to(weight.scalar_type()) * rstd.unsqueeze(-1) * weight).to(sum.scalar_type());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> forward_composite(const at::Tensor& x,
                                                                 const OptionalTensor& delta,
                                                                 const at::Tensor& weight,
                                                                 double eps) {
  // An operator may not return its input: without delta the sum is left out, [0].
  at::Tensor sum = delta ? at::add(x, *delta) : at::empty({0}, x.options());
  const at::Tensor& total = delta ? sum : x;
  const at::Tensor wide = total.to(weight.scalar_type());
  at::Tensor rstd = at::rsqrt((wide * wide).mean(-1) + eps);  // [N]
  at::Tensor normed = again_composite(total, weight, rstd);
  return {std::move(sum), std::move(normed), std::move(rstd)};
}

at::Tensor backward_composite(const at::Tensor& grad_normed, const OptionalTensor& grad_sum,
                              const at::Tensor& sum, const at::Tensor& weight,
                              const at::Tensor& rstd, const OptionalTensor& grad_weight) {
  const at::Tensor grad = grad_normed.to(weight.scalar_type());
  const at::Tensor unit = sum.to(weight.scalar_type()) * rstd.unsqueeze(-1);
  if (grad_weight) grad_weight->add_((grad * unit).sum(0));
  const at::Tensor weighted = grad * weight;
  at::Tensor grad_x = weighted - unit * (weighted * unit).mean(-1, /*keepdim=*/true);
  grad_x = grad_x * rstd.unsqueeze(-1);
  if (grad_sum) grad_x = grad_x + *grad_sum;
  return grad_x.to(sum.scalar_type());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> forward_cpu(const at::Tensor& x,
                                                           const OptionalTensor& delta,
                                                           const at::Tensor& weight, double eps) {
  return cpu::has_rows(x) ? cpu::add_rms_norm(x, delta, weight, eps)
                          : forward_composite(x, delta, weight, eps);
}

at::Tensor again_cpu(const at::Tensor& sum, const at::Tensor& weight, const at::Tensor& rstd) {
  return cpu::has_rows(sum) ? cpu::rms_norm_again(sum, weight, rstd)
                            : again_composite(sum, weight, rstd);
}

at::Tensor backward_cpu(const at::Tensor& grad_normed, const OptionalTensor& grad_sum,
                        const at::Tensor& sum, const at::Tensor& weight, const at::Tensor& rstd,
                        const OptionalTensor& grad_weight) {
  const auto form = cpu::has_rows(sum) ? cpu::add_rms_norm_backward : backward_composite;
  return form(grad_normed, grad_sum, sum, weight, rstd, grad_weight);
}

class AddRmsNorm : public torch::autograd::Function<AddRmsNorm> {
 public:
  // Returns {sum, normed} with delta, {normed} without.
  static variable_list forward(AutogradContext* context, const at::Tensor& x,
                               const OptionalTensor& delta, const at::Tensor& weight, double eps,
                               const OptionalTensor& grad_weight) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [sum, normed, rstd] = add_rms_norm_forward(x, delta, weight, eps);
    context->set_materialize_grads(false);
    context->save_for_backward({delta ? sum : x, weight, rstd});
    // Not a saved variable: it is written to before backward, which autograd would refuse.
    context->saved_data["grad_weight"] = grad_weight;
    if (delta) return {sum, normed};
    return {normed};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative("add_rms_norm");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const variable_list saved = context->get_saved_variables();
    const bool has_delta = grads.size() == 2;
    const at::Tensor& grad_normed = grads.back();
    at::Tensor grad_x = has_delta ? grads.front() : at::Tensor();
    if (grad_normed.defined()) {
      grad_x = add_rms_norm_backward(grad_normed, if_defined(grad_x), saved[0], saved[1], saved[2],
                                     context->saved_data["grad_weight"].toOptional<at::Tensor>());
    }
    return {grad_x, has_delta ? grad_x : at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

void check_rms_norm(std::string_view who, const at::Tensor& x, const at::Tensor& delta,
                    const at::Tensor& weight, const at::Tensor& grad_weight) {
  TORCH_CHECK_VALUE(x.dim() == 2 && x.size(1) > 0, who, ": x must be [N, D], got ", x.sizes());
  check_floating(who, "x", x);
  TORCH_CHECK_VALUE(
      !delta.defined() || (delta.sizes() == x.sizes() && delta.scalar_type() == x.scalar_type()),
      who, ": delta must match x ", x.sizes(), ", got ", delta.toString(), delta.sizes());
  const at::ScalarType wide = accumulate_type(x.scalar_type());
  TORCH_CHECK_VALUE(weight.defined(), who, ": weight must be given");
  TORCH_CHECK_VALUE(
      weight.dim() == 1 && weight.size(0) == x.size(1) && weight.scalar_type() == wide, who,
      ": weight must be [", x.size(1), "] of ", wide, ", got ", weight.sizes(), " of ",
      weight.scalar_type());
  check_device(who, "weight", weight, x);
  check_grad_weight(who, grad_weight, weight);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> add_rms_norm_forward(const at::Tensor& x,
                                                                    const OptionalTensor& delta,
                                                                    const at::Tensor& weight,
                                                                    double eps) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("superpose::_add_rms_norm", "")
                             .typed<Forward>();
  return op.call(x, delta, weight, eps);
}

at::Tensor rms_norm_again(const at::Tensor& sum, const at::Tensor& weight, const at::Tensor& rstd) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("superpose::_rms_norm_again", "")
                             .typed<Again>();
  return op.call(sum, weight, rstd);
}

at::Tensor add_rms_norm_backward(const at::Tensor& grad_normed, const OptionalTensor& grad_sum,
                                 const at::Tensor& sum, const at::Tensor& weight,
                                 const at::Tensor& rstd, const OptionalTensor& grad_weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("superpose::_add_rms_norm_backward", "")
                             .typed<Backward>();
  return op.call(grad_normed, grad_sum, sum, weight, rstd, grad_weight);
}

std::tuple<at::Tensor, at::Tensor> add_rms_norm_accumulate(const at::Tensor& x,
                                                           const at::Tensor& delta,
                                                           const at::Tensor& weight, double eps,
                                                           const at::Tensor& grad_weight) {
  check_rms_norm("add_rms_norm", x, delta, weight, grad_weight);
  check_eps("add_rms_norm", eps);
  variable_list results =
      AddRmsNorm::apply(x, if_defined(delta), weight, eps, if_defined(grad_weight));
  if (!delta.defined()) return {x, results[0]};
  return {results[0], results[1]};
}

}  // namespace superpose::ops

TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def(
      "_add_rms_norm(Tensor x, Tensor? delta, Tensor weight, float eps)"
      " -> (Tensor sum, Tensor normed, Tensor rstd)");
  m.def("_rms_norm_again(Tensor sum, Tensor weight, Tensor rstd) -> Tensor");
  m.def(
      "_add_rms_norm_backward(Tensor grad_normed, Tensor? grad_sum, Tensor sum, Tensor weight,"
      " Tensor rstd, Tensor(a!)? grad_weight) -> Tensor");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_add_rms_norm", superpose::ops::forward_composite);
  m.impl("_rms_norm_again", superpose::ops::again_composite);
  m.impl("_add_rms_norm_backward", superpose::ops::backward_composite);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) {
  m.impl("_add_rms_norm", superpose::ops::forward_cpu);
  m.impl("_rms_norm_again", superpose::ops::again_cpu);
  m.impl("_add_rms_norm_backward", superpose::ops::backward_cpu);
}
