// Head and set-sum loss without the matrix of logits, [N, V].
//
// With p = softmax(z), and q = softmax of z over the row's set of targets alone (0 elsewhere), the
// gradient of a row's loss with respect to its logits is (1 + 2 z_loss lse) p - q. A block of rows
// at a time: logits, both softmaxes, the gradient in place of the logits, and the two gradient
// products. So forward and backward together take three products.
#include "ops/set_sum_linear_cross_entropy.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_assert_async.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>

#include "ops/checks.h"
#include "ops/multi_hot_problem.h"
#include "ops/value_checks.h"

// Legend: N rows (positions), R of a block, D width, V vocabulary rows, s targets per row.
namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kName = "set_sum_linear_cross_entropy";
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using LossAndGradient = std::tuple<at::Tensor, at::Tensor>;

// Loss and gradient of hidden ([0] where not wanted); the weight's is added into grad_weight, if
// there is one.
LossAndGradient call_add(const at::Tensor& hidden, const at::Tensor& weight,
                         const at::Tensor& targets, const at::Tensor& coefficient,
                         const SetSumOptions& options, bool hidden_grad,
                         const std::optional<at::Tensor>& grad_weight) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::_set_sum_linear_cross_entropy_add", "")
          .typed<LossAndGradient(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                 const at::Tensor&, double, std::int64_t, std::int64_t, bool,
                                 const std::optional<at::Tensor>&)>();
  return op.call(hidden, weight, targets, coefficient, options.z_loss, options.num_valid_rows,
                 options.ignore_index, hidden_grad, grad_weight);
}

class SetSumAccumulate : public torch::autograd::Function<SetSumAccumulate> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*anchor*/,
                            const at::Tensor& hidden, const at::Tensor& weight,
                            const at::Tensor& targets, const at::Tensor& coefficient,
                            const std::optional<at::Tensor>& grad_weight,
                            const SetSumOptions& options, bool hidden_grad) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [loss, grad_hidden] =
        call_add(hidden, weight, targets, coefficient, options, hidden_grad, grad_weight);
    context->save_for_backward({grad_hidden});
    context->saved_data["hidden_grad"] = hidden_grad;
    return loss;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    constexpr const char* kRule =
        "set_sum_linear_cross_entropy: expected an incoming gradient of 1 (scale the coefficient)";
    check_first_derivative(kName);
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

// Rows whose logits exist at a time. Accelerators want large products.
std::int64_t rows_of_block(const at::Tensor& weight) {
  if (weight.is_cpu()) return logit_block_rows(weight.size(0));
  return std::max<std::int64_t>(1, (std::int64_t{1} << 26) / weight.size(0));
}

// Each row's targets in ascending order; all but the first of equal ones are ignored.
at::Tensor distinct(const at::Tensor& targets, std::int64_t ignore_index) {
  const at::Tensor sorted = std::get<0>(at::sort(targets, 1));
  const at::Tensor later = sorted.narrow(1, 1, sorted.size(1) - 1);
  later.masked_fill_(later.eq(sorted.narrow(1, 0, sorted.size(1) - 1)), ignore_index);
  return sorted;
}

LossAndGradient add_on_any_device(const at::Tensor& hidden, const at::Tensor& full_weight,
                                  const at::Tensor& targets, const at::Tensor& coefficient,
                                  double z_loss, std::int64_t num_valid_rows,
                                  std::int64_t ignore_index, bool hidden_grad,
                                  const std::optional<at::Tensor>& full_grad_weight) {
  const std::string who = kName;
  check_ids(who + ": expected targets in [0, " + std::to_string(num_valid_rows) + ") or " +
                std::to_string(ignore_index),
            targets, 0, num_valid_rows, ignore_index);
  check_values(who + ": expected a finite coefficient >= 0", coefficient,
               coefficient.ge(0).logical_and(coefficient.isfinite()));
  const at::ScalarType type = accumulate_type(hidden.scalar_type());
  const at::Tensor weight = full_weight.narrow(0, 0, num_valid_rows).to(type);
  const at::Tensor grad_weight =
      full_grad_weight ? full_grad_weight->narrow(0, 0, num_valid_rows) : at::Tensor();
  const at::Tensor loss = at::zeros({}, weight.options());
  const at::Tensor grad_hidden =
      at::empty(hidden_grad ? hidden.sizes() : at::IntArrayRef{0}, hidden.options());
  const std::int64_t block = rows_of_block(weight);
  for (std::int64_t begin = 0; begin < hidden.size(0); begin += block) {
    const std::int64_t size = std::min(block, hidden.size(0) - begin);
    const at::Tensor rows = hidden.narrow(0, begin, size).to(type);                     // [R, D]
    const at::Tensor bag = distinct(targets.narrow(0, begin, size), ignore_index);      // [R, s]
    const at::Tensor left_out = bag.eq(ignore_index);                                   // [R, s]
    const at::Tensor ignored = left_out.all(1, true);                                   // [R, 1]
    const at::Tensor index = bag.masked_fill(left_out, 0);                              // [R, s]
    const at::Tensor logits = at::mm(rows, weight.t());                                 // [R, V]
    const at::Tensor lse = at::logsumexp(logits, {1}, true);                            // [R, 1]
    const at::Tensor own = logits.gather(1, index).masked_fill_(left_out, -kInfinity);  // [R, s]
    const at::Tensor own_lse = at::logsumexp(own, {1}, true);                           // [R, 1]
    // A row without a valid target is left out, even where its logits are not finite.
    const at::Tensor row_loss = lse.square().mul_(z_loss).add_(lse).sub_(own_lse);
    loss.add_(row_loss.masked_fill_(ignored, 0).sum().mul_(coefficient[0]));
    if (!hidden_grad && !grad_weight.defined()) continue;
    const at::Tensor slope = lse.mul(2 * z_loss).add_(1).mul_(coefficient);  // [R, 1]
    const at::Tensor share = own.sub(own_lse).exp_().mul_(coefficient);      // [R, s]
    const at::Tensor grad = logits.sub_(lse).exp_().mul_(slope);             // [R, V]
    grad.scatter_add_(1, index, share.neg_());
    grad.masked_fill_(ignored, 0);
    if (hidden_grad) grad_hidden.narrow(0, begin, size).copy_(at::mm(grad, weight));
    if (grad_weight.defined()) grad_weight.addmm_(grad.t(), rows);
  }
  return {loss, grad_hidden};
}

LossAndGradient add_on_meta(const at::Tensor& hidden, const at::Tensor& /*weight*/,
                            const at::Tensor& /*targets*/, const at::Tensor& /*coefficient*/,
                            double /*z_loss*/, std::int64_t /*num_valid_rows*/,
                            std::int64_t /*ignore_index*/, bool hidden_grad,
                            const std::optional<at::Tensor>& /*grad_weight*/) {
  return {
      at::empty({}, hidden.options().dtype(accumulate_type(hidden.scalar_type()))),
      hidden_grad ? at::empty(hidden.sizes(), hidden.options()) : at::empty({0}, hidden.options())};
}

SetSumOptions check_options(SetSumOptions options, const at::Tensor& weight) {
  TORCH_CHECK_VALUE(options.z_loss >= 0 && std::isfinite(options.z_loss), kName,
                    ": expected a finite z_loss >= 0, got ", options.z_loss);
  TORCH_CHECK_VALUE(options.ignore_index < 0, kName, ": expected a negative ignore_index, got ",
                    options.ignore_index);
  const std::int64_t num_rows = weight.size(0);
  std::int64_t& valid_rows = options.num_valid_rows;
  TORCH_CHECK_VALUE(valid_rows == -1 || (valid_rows >= 1 && valid_rows <= num_rows), kName,
                    ": expected num_valid_rows in [1, ", num_rows, "] or -1, got ", valid_rows);
  if (valid_rows == -1) valid_rows = num_rows;
  return options;
}

void check_coefficient(const at::Tensor& coefficient, const at::Tensor& hidden) {
  const at::ScalarType type = accumulate_type(hidden.scalar_type());
  TORCH_CHECK_VALUE(coefficient.scalar_type() == type, kName, ": expected coefficient of type ",
                    type, ", got ", coefficient.scalar_type());
  TORCH_CHECK_VALUE(coefficient.sizes() == at::IntArrayRef({1}), kName,
                    ": expected coefficient [1], got ", coefficient.sizes());
  TORCH_CHECK_VALUE(!coefficient.requires_grad(), kName,
                    ": has no gradient for coefficient, got one that requires a gradient");
  check_device(kName, "coefficient", coefficient, hidden);
}

}  // namespace

at::Tensor set_sum_linear_cross_entropy_accumulate(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
    const at::Tensor& coefficient, const at::Tensor& grad_weight, const SetSumOptions& options) {
  check_head(kName, hidden, weight, targets);
  check_coefficient(coefficient, hidden);
  check_grad_weight(kName, grad_weight, weight);
  const SetSumOptions resolved = check_options(options, weight);
  const at::Tensor anchor = make_anchor(weight, grad_weight);
  const bool hidden_grad = at::GradMode::is_enabled() && hidden.requires_grad();
  if (!anchor.requires_grad() && !hidden_grad) {
    return std::get<0>(call_add(hidden.detach(), weight.detach(), targets, coefficient, resolved,
                                false, std::nullopt));
  }
  return SetSumAccumulate::apply(anchor, hidden, weight.detach(), targets, coefficient,
                                 if_defined(grad_weight), resolved, hidden_grad);
}

std::int64_t set_sum_scratch_bytes(std::int64_t rows, std::int64_t vocabulary, std::int64_t width,
                                   bool bf16) {
  constexpr std::int64_t kBlocks = 2;  // logits, and logsumexp's own
  const std::int64_t block = std::min(rows, logit_block_rows(vocabulary));
  return 4 * (kBlocks * block * vocabulary + (bf16 ? vocabulary * width : 0));
}

TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def(
      "_set_sum_linear_cross_entropy_add(Tensor hidden, Tensor weight, Tensor targets, Tensor "
      "coefficient, float z_loss, int num_valid_rows, int ignore_index, bool hidden_grad, "
      "Tensor(a!)? grad_weight) -> (Tensor loss, Tensor grad_hidden)");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_set_sum_linear_cross_entropy_add", &add_on_any_device);
}

TORCH_LIBRARY_IMPL(superpose, Meta, m) {
  m.impl("_set_sum_linear_cross_entropy_add", &add_on_meta);
}

}  // namespace superpose::ops
