#include "ops/multi_hot_linear_cross_entropy.h"

#include <ATen/TensorSubclassLikeUtils.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_assert_async.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/library.h>

#include <array>
#include <limits>
#include <string>

#include "ops/checks.h"
#include "ops/cpu/multi_hot_kernel.h"
#include "ops/multi_hot_problem.h"
#include "ops/value_checks.h"

// Legend: N rows (positions), D width, V vocabulary rows, s targets per row.
namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kName = "multi_hot_linear_cross_entropy";

// MultiHotOptions as the schema has them, with num_valid_rows resolved.
struct Options {
  double z_loss;
  double logit_soft_cap;
  c10::SymInt num_valid_rows;
  std::int64_t ignore_index;
};

// ---- Registered operators, called below autograd ----

using LossAndGradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using LossAndGradient = std::tuple<at::Tensor, at::Tensor>;

// Loss, gradients of hidden and weight ([0] where not wanted).
LossAndGradients call_forward(const at::Tensor& hidden, const at::Tensor& weight,
                              const at::Tensor& targets, const at::Tensor& coefficients,
                              const Options& options, std::array<bool, 2> wanted) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::_multi_hot_linear_cross_entropy_forward", "")
          .typed<LossAndGradients(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                  const at::Tensor&, double, double, c10::SymInt, std::int64_t,
                                  bool, bool)>();
  return op.call(hidden, weight, targets, coefficients, options.z_loss, options.logit_soft_cap,
                 options.num_valid_rows, options.ignore_index, wanted[0], wanted[1]);
}

// Loss and gradient of hidden ([0] where not wanted); the weight's is added into grad_weight, if
// there is one.
LossAndGradient call_add(const at::Tensor& hidden, const at::Tensor& weight,
                         const at::Tensor& targets, const at::Tensor& coefficients,
                         const Options& options, bool hidden_grad,
                         const std::optional<at::Tensor>& grad_weight) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::_multi_hot_linear_cross_entropy_add", "")
          .typed<LossAndGradient(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                 const at::Tensor&, double, double, c10::SymInt, std::int64_t, bool,
                                 const std::optional<at::Tensor>&)>();
  return op.call(hidden, weight, targets, coefficients, options.z_loss, options.logit_soft_cap,
                 options.num_valid_rows, options.ignore_index, hidden_grad, grad_weight);
}

// w_i / n_i, with w renormalised over the slots that have a valid target.
at::Tensor call_coefficients(const at::Tensor& slot_weights, const at::Tensor& counts,
                             at::ScalarType type) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::_multi_hot_coefficients", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, at::ScalarType)>();
  return op.call(slot_weights, counts, type);
}

// ---- Autograd ----

class MultiHot : public torch::autograd::Function<MultiHot> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& weight, const at::Tensor& targets,
                            const at::Tensor& coefficients, const Options& options,
                            std::array<bool, 2> wanted) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [loss, grad_hidden, grad_weight] =
        call_forward(hidden, weight, targets, coefficients, options, wanted);
    context->save_for_backward({grad_hidden, grad_weight});
    context->saved_data["hidden_grad"] = wanted[0];
    context->saved_data["weight_grad"] = wanted[1];
    return loss;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative(kName);
    const variable_list saved = context->get_saved_variables();
    variable_list result(6);
    if (context->saved_data["hidden_grad"].toBool()) result[0] = times_incoming(saved[0], grads[0]);
    if (context->saved_data["weight_grad"].toBool()) result[1] = times_incoming(saved[1], grads[0]);
    return result;
  }

 private:
  // What forward has saved is handed out as it is, so that the weight's gradient is held once.
  // Where the graph stays for another backward, that gets a copy; and where Python traces, which
  // has no values to look at.
  static at::Tensor times_incoming(at::Tensor saved, const at::Tensor& grad) {
    const bool is_traced = grad.unsafeGetTensorImpl()->is_python_dispatch();
    if (is_traced || torch::autograd::get_current_graph_task_keep_graph()) return saved.mul(grad);
    if (grad.is_cpu() && grad.item<double>() == 1) return saved;
    return saved.mul_(grad);
  }
};

class MultiHotAccumulate : public torch::autograd::Function<MultiHotAccumulate> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*anchor*/,
                            const at::Tensor& hidden, const at::Tensor& weight,
                            const at::Tensor& targets, const at::Tensor& coefficients,
                            const std::optional<at::Tensor>& grad_weight, const Options& options,
                            bool hidden_grad) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [loss, grad_hidden] =
        call_add(hidden, weight, targets, coefficients, options, hidden_grad, grad_weight);
    context->save_for_backward({grad_hidden});
    context->saved_data["hidden_grad"] = hidden_grad;
    return loss;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    constexpr const char* kRule =
        "multi_hot_linear_cross_entropy_accumulate: expected an incoming gradient of 1 (scale the "
        "coefficients)";
    check_first_derivative("multi_hot_linear_cross_entropy_accumulate");
    const at::Tensor& grad = grads[0];
    if (grad.is_cpu()) {
      TORCH_CHECK_VALUE(grad.item<double>() == 1, kRule, ", got ", grad.item<double>());
    } else if (!grad.is_meta()) {
      at::_assert_async(grad.eq(1), kRule);
    }
    variable_list result(8);
    if (context->saved_data["hidden_grad"].toBool()) result[1] = context->get_saved_variables()[0];
    return result;
  }
};

// ---- Implementations ----

at::Tensor first_rows(const at::Tensor& matrix, const c10::SymInt& num_rows) {
  return matrix.narrow(0, 0, num_rows.expect_int());
}

template <MultiHotResult (*kImplementation)(const MultiHotProblem&)>
LossAndGradient add_on(const at::Tensor& hidden, const at::Tensor& weight,
                       const at::Tensor& targets, const at::Tensor& coefficients, double z_loss,
                       double logit_soft_cap, c10::SymInt num_valid_rows, std::int64_t ignore_index,
                       bool hidden_grad, const std::optional<at::Tensor>& grad_weight) {
  const bool has_buffer = grad_weight.has_value() && grad_weight->defined();
  const MultiHotResult result = kImplementation(
      {.hidden = hidden,
       .weight = first_rows(weight, num_valid_rows),
       .targets = targets,
       .coefficients = coefficients,
       .grad_weight = has_buffer ? first_rows(*grad_weight, num_valid_rows) : at::Tensor(),
       .hidden_grad = hidden_grad,
       .z_loss = z_loss,
       .logit_soft_cap = logit_soft_cap,
       .ignore_index = ignore_index});
  return {result.loss, result.grad_hidden};
}

MultiHotResult on_cpu(const MultiHotProblem& problem) {
  return problem.hidden.scalar_type() == at::kDouble ? multi_hot_fallback(problem)
                                                     : cpu::multi_hot(problem);
}

LossAndGradient add_on_meta(const at::Tensor& hidden, const at::Tensor& /*weight*/,
                            const at::Tensor& /*targets*/, const at::Tensor& /*coefficients*/,
                            double /*z_loss*/, double /*logit_soft_cap*/,
                            c10::SymInt /*num_valid_rows*/, std::int64_t /*ignore_index*/,
                            bool hidden_grad, const std::optional<at::Tensor>& /*grad_weight*/) {
  const at::ScalarType type = accumulate_type(hidden.scalar_type());
  return {at::empty({}, hidden.options().dtype(type)),
          hidden_grad ? at::empty_symint(hidden.sym_sizes(), hidden.options())
                      : at::empty({0}, hidden.options())};
}

LossAndGradients forward_on_any_device(const at::Tensor& hidden, const at::Tensor& weight,
                                       const at::Tensor& targets, const at::Tensor& coefficients,
                                       double z_loss, double logit_soft_cap,
                                       c10::SymInt num_valid_rows, std::int64_t ignore_index,
                                       bool hidden_grad, bool weight_grad) {
  std::optional<at::Tensor> buffer;
  if (weight_grad) {
    const at::ScalarType type = accumulate_type(weight.scalar_type());
    buffer = at::zeros_symint(weight.sym_sizes(), weight.options().dtype(type));
  }
  const auto [loss, grad_hidden] =
      call_add(hidden, weight, targets, coefficients,
               {z_loss, logit_soft_cap, num_valid_rows, ignore_index}, hidden_grad, buffer);
  return {loss, grad_hidden,
          weight_grad ? buffer->to(weight.scalar_type()) : at::empty({0}, weight.options())};
}

LossAndGradients forward_on_cpu(const at::Tensor& hidden, const at::Tensor& weight,
                                const at::Tensor& targets, const at::Tensor& coefficients,
                                double z_loss, double logit_soft_cap, c10::SymInt num_valid_rows,
                                std::int64_t ignore_index, bool hidden_grad, bool weight_grad) {
  if (!weight_grad || !cpu::writes_bf16_gradient(hidden)) {
    return forward_on_any_device(hidden, weight, targets, coefficients, z_loss, logit_soft_cap,
                                 num_valid_rows, ignore_index, hidden_grad, weight_grad);
  }
  const at::Tensor grad_weight = at::empty(weight.sizes(), weight.options());  // [V, D]
  const std::int64_t valid_rows = num_valid_rows.expect_int();
  grad_weight.narrow(0, valid_rows, weight.size(0) - valid_rows).zero_();
  const auto [loss, grad_hidden] =
      add_on<on_cpu>(hidden, weight, targets, coefficients, z_loss, logit_soft_cap, num_valid_rows,
                     ignore_index, hidden_grad, grad_weight);
  return {loss, grad_hidden, grad_weight};
}

at::Tensor coefficients_on_any_device(const at::Tensor& slot_weights, const at::Tensor& counts,
                                      at::ScalarType type) {
  const std::string who = kName;
  check_values(who + ": expected finite slot_weights >= 0", slot_weights,
               slot_weights.ge(0).logical_and(slot_weights.isfinite()));
  const at::Tensor given = slot_weights.to(at::kDouble);
  const at::Tensor total = given.sum();
  check_values(who + ": expected slot_weights with a finite sum", total, total.isfinite());
  const at::Tensor weights = given.masked_fill(counts.eq(0), 0);
  const at::Tensor sum = weights.sum();
  // Weights that sum to 0 over these slots stay as they are.
  const at::Tensor divisor = sum.masked_fill(sum.eq(0), 1).mul(counts.clamp_min(1));
  return weights.div(divisor).to(type);
}

at::Tensor coefficients_on_meta(const at::Tensor& slot_weights, const at::Tensor& /*counts*/,
                                at::ScalarType type) {
  return at::empty_symint(slot_weights.sym_sizes(), slot_weights.options().dtype(type));
}

// ---- Checks ----

// The normal numbers of the type that logits are computed in: neither they nor their inverses
// overflow or lose bits.
struct NormalRange {
  double least, most;
};

NormalRange normal_range(at::ScalarType type) {
  const double least = type == at::kDouble ? std::numeric_limits<double>::min()
                                           : double{std::numeric_limits<float>::min()};
  return {least, 1 / least};
}

Options check_options(const MultiHotOptions& options, const c10::SymInt& given_rows,
                      const at::Tensor& weight) {
  const auto [least, most] = normal_range(weight.scalar_type());
  TORCH_CHECK_VALUE(options.z_loss >= 0 && options.z_loss <= most, kName,
                    ": expected z_loss in [0, ", most, "], got ", options.z_loss);
  const double cap = options.logit_soft_cap;
  TORCH_CHECK_VALUE(cap == 0 || (cap >= least && cap <= most), kName,
                    ": expected logit_soft_cap 0 (off) or in [", least, ", ", most, "], got ", cap);
  TORCH_CHECK_VALUE(options.ignore_index < 0, kName, ": expected a negative ignore_index, got ",
                    options.ignore_index);
  const c10::SymInt num_rows = weight.sym_size(0);
  TORCH_CHECK_VALUE(given_rows == -1 || (given_rows >= 1 && given_rows <= num_rows), kName,
                    ": expected num_valid_rows in [1, ", num_rows, "] or -1, got ", given_rows);
  return {options.z_loss, options.logit_soft_cap, given_rows == -1 ? num_rows : given_rows,
          options.ignore_index};
}

void check_tensors(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
                   const at::Tensor& slots, const char* slots_name) {
  check_head(kName, hidden, weight, targets);
  TORCH_CHECK_VALUE(at::isFloatingType(slots.scalar_type()), kName, ": expected floating point ",
                    slots_name, ", got ", slots.scalar_type());
  check_device(kName, slots_name, slots, hidden);
  TORCH_CHECK_VALUE(slots.dim() == 1 && slots.sym_size(0) == targets.sym_size(1), kName,
                    ": expected ", slots_name, " [", targets.sym_size(1), "], got ",
                    slots.sym_sizes());
  TORCH_CHECK_VALUE(!slots.requires_grad(), kName, ": has no gradient for ", slots_name,
                    ", got one that requires a gradient");
}

std::tuple<at::Tensor, at::Tensor> multi_hot_with(const at::Tensor& hidden,
                                                  const at::Tensor& weight,
                                                  const at::Tensor& targets,
                                                  const at::Tensor& slot_weights,
                                                  const Options& options) {
  const at::Tensor counts = targets.ne(options.ignore_index).sum(0);  // [s]
  const at::Tensor coefficients =
      call_coefficients(slot_weights, counts, accumulate_type(hidden.scalar_type()));
  const bool recording = at::GradMode::is_enabled();
  const std::array<bool, 2> wanted = {recording && hidden.requires_grad(),
                                      recording && weight.requires_grad()};
  return {MultiHot::apply(hidden, weight, targets, coefficients, options, wanted), counts};
}

std::tuple<at::Tensor, at::Tensor> multi_hot_schema(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
    const at::Tensor& slot_weights, double z_loss, double logit_soft_cap,
    c10::SymInt num_valid_rows, std::int64_t ignore_index) {
  check_tensors(hidden, weight, targets, slot_weights, "slot_weights");
  const MultiHotOptions options{
      .z_loss = z_loss, .logit_soft_cap = logit_soft_cap, .ignore_index = ignore_index};
  return multi_hot_with(hidden, weight, targets, slot_weights,
                        check_options(options, num_valid_rows, weight));
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> multi_hot_linear_cross_entropy(const at::Tensor& hidden,
                                                                  const at::Tensor& weight,
                                                                  const at::Tensor& targets,
                                                                  const at::Tensor& slot_weights,
                                                                  const MultiHotOptions& options) {
  return multi_hot_schema(hidden, weight, targets, slot_weights, options.z_loss,
                          options.logit_soft_cap, options.num_valid_rows, options.ignore_index);
}

at::Tensor multi_hot_linear_cross_entropy_accumulate(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
    const at::Tensor& coefficients, const at::Tensor& grad_weight, const MultiHotOptions& options) {
  check_tensors(hidden, weight, targets, coefficients, "coefficients");
  const at::ScalarType type = accumulate_type(hidden.scalar_type());
  TORCH_CHECK_VALUE(coefficients.scalar_type() == type, kName, ": expected coefficients of type ",
                    type, ", got ", coefficients.scalar_type());
  check_grad_weight("multi_hot_linear_cross_entropy_accumulate", grad_weight, weight);
  const Options resolved = check_options(options, options.num_valid_rows, weight);
  const at::Tensor anchor = make_anchor(weight, grad_weight);
  const bool hidden_grad = at::GradMode::is_enabled() && hidden.requires_grad();
  if (!anchor.requires_grad() && !hidden_grad) {
    return std::get<0>(call_add(hidden.detach(), weight.detach(), targets, coefficients, resolved,
                                false, std::nullopt));
  }
  return MultiHotAccumulate::apply(anchor, hidden, weight.detach(), targets, coefficients,
                                   if_defined(grad_weight), resolved, hidden_grad);
}

// The public operator is composed of the registered ones: so no back end can miss a check.
TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def(
      "multi_hot_linear_cross_entropy(Tensor hidden, Tensor weight, Tensor targets, Tensor "
      "slot_weights, *, "
      "float z_loss=0., float logit_soft_cap=0., SymInt num_valid_rows=-1, int ignore_index=-100) "
      "-> (Tensor loss, Tensor counts)",
      &multi_hot_schema);
  m.def(
      "_multi_hot_linear_cross_entropy_forward(Tensor hidden, Tensor weight, Tensor targets, "
      "Tensor coefficients, float z_loss, float logit_soft_cap, SymInt num_valid_rows, int "
      "ignore_index, "
      "bool hidden_grad, bool weight_grad) -> (Tensor loss, Tensor grad_hidden, Tensor "
      "grad_weight)");
  m.def(
      "_multi_hot_linear_cross_entropy_add(Tensor hidden, Tensor weight, Tensor targets, Tensor "
      "coefficients, "
      "float z_loss, float logit_soft_cap, SymInt num_valid_rows, int ignore_index, bool "
      "hidden_grad, "
      "Tensor(a!)? grad_weight) -> (Tensor loss, Tensor grad_hidden)");
  m.def("_multi_hot_coefficients(Tensor slot_weights, Tensor counts, ScalarType dtype) -> Tensor");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_multi_hot_linear_cross_entropy_forward", &forward_on_any_device);
  m.impl("_multi_hot_linear_cross_entropy_add", &add_on<multi_hot_fallback>);
  m.impl("_multi_hot_coefficients", &coefficients_on_any_device);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) {
  m.impl("_multi_hot_linear_cross_entropy_forward", &forward_on_cpu);
  m.impl("_multi_hot_linear_cross_entropy_add", &add_on<on_cpu>);
}

TORCH_LIBRARY_IMPL(superpose, Meta, m) {
  m.impl("_multi_hot_linear_cross_entropy_add", &add_on_meta);
  m.impl("_multi_hot_coefficients", &coefficients_on_meta);
}

}  // namespace superpose::ops
