#include "ops/adamw.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/library.h>

#include <cmath>

#include "ops/cpu/decoder_kernels.h"

namespace superpose::ops {
namespace {

using Update = void(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                    double, double, double, double, double, double, std::int64_t,
                    const std::optional<at::Tensor>&);

void update_composite(const at::Tensor& parameter, const at::Tensor& gradient,
                      const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq, double learning_rate,
                      double beta1, double beta2, double eps, double weight_decay,
                      double grad_scale, std::int64_t step, const std::optional<at::Tensor>& copy) {
  const auto t = static_cast<double>(step);
  const at::Tensor grad = gradient * grad_scale;
  exp_avg.mul_(beta1).add_(grad, 1 - beta1);
  exp_avg_sq.mul_(beta2).addcmul_(grad, grad, 1 - beta2);
  const at::Tensor root = exp_avg_sq.sqrt().div_(std::sqrt(1 - std::pow(beta2, t))).add_(eps);
  parameter.mul_(1 - learning_rate * weight_decay);
  parameter.addcdiv_(exp_avg, root, -learning_rate / (1 - std::pow(beta1, t)));
  if (copy) copy->copy_(parameter);
}

void update_cpu(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& exp_avg,
                const at::Tensor& exp_avg_sq, double learning_rate, double beta1, double beta2,
                double eps, double weight_decay, double grad_scale, std::int64_t step,
                const std::optional<at::Tensor>& copy) {
  cpu::adamw_update(parameter, gradient, exp_avg, exp_avg_sq,
                    {learning_rate, beta1, beta2, eps, weight_decay, grad_scale, step},
                    copy.value_or(at::Tensor()));
}

}  // namespace

void adamw_update(const at::Tensor& parameter, const at::Tensor& gradient,
                  const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq, const AdamWStep& step,
                  const at::Tensor& copy) {
  for (const at::Tensor& tensor : {parameter, gradient, exp_avg, exp_avg_sq}) {
    TORCH_CHECK_VALUE(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() &&
                          tensor.sizes() == parameter.sizes(),
                      "adamw_update: expected contiguous float32 ", parameter.sizes(), ", got ",
                      tensor.toString(), tensor.sizes());
  }
  TORCH_CHECK_VALUE(
      !copy.defined() || (copy.scalar_type() == at::kBFloat16 && copy.is_contiguous() &&
                          copy.sizes() == parameter.sizes() && copy.device() == parameter.device()),
      "adamw_update: expected a contiguous bfloat16 copy ", parameter.sizes(), ", got ",
      copy.toString(), copy.sizes());
  for (const double value :
       {step.learning_rate, step.beta1, step.beta2, step.eps, step.weight_decay, step.grad_scale}) {
    TORCH_CHECK_VALUE(std::isfinite(value), "adamw_update: expected finite numbers, got ", value);
  }
  TORCH_CHECK_VALUE(step.step >= 1, "adamw_update: step counts from 1, got ", step.step);
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("superpose::_adamw_update_", "")
                             .typed<Update>();
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  op.call(parameter, gradient, exp_avg, exp_avg_sq, step.learning_rate, step.beta1, step.beta2,
          step.eps, step.weight_decay, step.grad_scale, step.step,
          copy.defined() ? std::optional(copy) : std::nullopt);
}

}  // namespace superpose::ops

TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def(
      "_adamw_update_(Tensor(a!) parameter, Tensor gradient, Tensor(b!) exp_avg,"
      " Tensor(c!) exp_avg_sq, float learning_rate, float beta1, float beta2, float eps,"
      " float weight_decay, float grad_scale, int step, Tensor(d!)? copy=None) -> ()");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_adamw_update_", superpose::ops::update_composite);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) { m.impl("_adamw_update_", superpose::ops::update_cpu); }
