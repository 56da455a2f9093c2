#include "model/router.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>

#include "ops/routing.h"

namespace superpose::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Behind the counts.
constexpr std::int64_t kEntropy = 0;
constexpr std::int64_t kBalance = 1;
constexpr std::int64_t kZ = 2;
constexpr std::int64_t kScalars = 3;

// c_re, [B, E].
at::Tensor count_pairs(const at::Tensor& experts, const at::Tensor& probabilities,
                       std::int64_t rows) {
  const at::Tensor pairs = experts.view({rows, -1});
  const at::Tensor counts = at::zeros({rows, probabilities.size(1)}, probabilities.options());
  return counts.scatter_add_(1, pairs, at::ones_like(pairs, probabilities.options()));
}

// f of counts [rows, E]; 1 where nothing was counted.
at::Tensor relative_use(const at::Tensor& counts) {
  const at::Tensor mean = counts.mean(1, /*keepdim=*/true);
  return at::where(mean > 0, counts / mean, at::ones_like(counts));
}

// p = softmax(z) and the experts, with the gradient of both losses added in backward:
//
//   dz = p * (g - sum_e g p) + 2 l_z logsumexp(z) p     with g = dp + l_balance f
class Router : public torch::autograd::Function<Router> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& logits,
                               const RouterCall& call) {
    const at::Tensor p = at::softmax(logits, -1);
    const at::Tensor experts = ops::top_experts(p, call.k);
    const at::Tensor logsumexp = at::logsumexp(logits, -1, /*keepdim=*/true);
    const at::Tensor counts = count_pairs(experts, p, call.rows);
    const std::int64_t num_experts = p.size(1);
    const at::Tensor f = call.losses.scope == BalanceScope::kSequence
                             ? relative_use(counts)
                             : relative_use(call.last_sums.narrow(0, 0, num_experts).view({1, -1}));
    call.sums.narrow(0, 0, num_experts).add_(counts.sum(0));
    const at::Tensor scalars = call.sums.narrow(0, num_experts, kScalars);
    scalars[kEntropy].add_(logsumexp.sum() - (p * logits).sum());
    scalars[kBalance].add_((f * p.view({call.rows, -1, num_experts}).sum(1)).sum());
    scalars[kZ].add_(logsumexp.square().sum());
    context->save_for_backward({p, f, logsumexp});
    context->saved_data["balance"] = call.losses.balance;
    context->saved_data["z"] = call.losses.z;
    context->mark_non_differentiable({experts});
    return {p, experts};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &p = saved[0], &f = saved[1], &logsumexp = saved[2];
    const double balance = context->saved_data["balance"].toDouble();
    const double z = context->saved_data["z"].toDouble();
    at::Tensor grad = grads[0];
    if (balance > 0) {
      grad = (grad.view({f.size(0), -1, f.size(1)}) + f.unsqueeze(1) * balance).view_as(p);
    }
    at::Tensor grad_logits = at::_softmax_backward_data(grad, p, -1, p.scalar_type());
    if (z > 0) grad_logits += logsumexp * p * (2 * z);
    return {grad_logits, at::Tensor()};
  }
};

}  // namespace

std::int64_t router_sums_size(std::int64_t num_experts) { return num_experts + kScalars; }

Routing route(const at::Tensor& logits, const RouterCall& call) {
  if (c10::GradMode::is_enabled() && logits.requires_grad()) {
    variable_list out = Router::apply(logits, call);
    return {std::move(out[0]), std::move(out[1])};
  }
  const at::Tensor p = at::softmax(logits, -1);
  return {p, ops::top_experts(p, call.k)};
}

RouterFigures router_figures(const at::Tensor& sums, std::int64_t k) {
  const std::int64_t num_experts = sums.size(0) - kScalars;
  const at::Tensor host = sums.to(at::kCPU).to(at::kDouble).contiguous();
  const double* values = host.const_data_ptr<double>();
  const double* scalars = values + num_experts;
  double pairs = 0;
  double most = 0;
  double idle = 0;
  for (const double* count = values; count < scalars; ++count) {
    pairs += *count;
    most = std::max(most, *count);
    if (*count == 0) ++idle;
  }
  const double positions = pairs / static_cast<double>(k);
  const auto experts = static_cast<double>(num_experts);
  return {most * experts / pairs, idle / experts, scalars[kEntropy] / positions,
          scalars[kBalance] / positions, scalars[kZ] / positions};
}

}  // namespace superpose::model
