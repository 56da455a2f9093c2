#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <string>

#include "ops/checks.h"
#include "ops/multi_hot_problem.h"
#include "ops/value_checks.h"

namespace superpose::ops {
namespace {

// Logits held at a time. Accelerators want large products; on CPU this path serves f64 and tests.
std::int64_t rows_of_block(const at::Tensor& weight) {
  const std::int64_t elements = weight.is_cpu() ? (std::int64_t{1} << 21) : (std::int64_t{1} << 26);
  return std::max<std::int64_t>(1, elements / weight.size(0));
}

void check_problem(const MultiHotProblem& p) {
  check_ids("multi_hot_linear_cross_entropy: expected targets in [0, " +
                std::to_string(p.weight.size(0)) + ") or " + std::to_string(p.ignore_index),
            p.targets, 0, p.weight.size(0), p.ignore_index);
  check_values("multi_hot_linear_cross_entropy: expected finite coefficients >= 0", p.coefficients,
               p.coefficients.ge(0).logical_and(p.coefficients.isfinite()));
}

}  // namespace

MultiHotResult multi_hot_fallback(const MultiHotProblem& p) {
  check_problem(p);
  const at::ScalarType type = accumulate_type(p.hidden.scalar_type());
  const at::Tensor weight = p.weight.to(type);
  const at::Tensor zero = at::zeros({}, p.coefficients.options());
  const bool gradient = p.hidden_grad || p.grad_weight.defined();
  MultiHotResult result{
      .loss = at::zeros({}, weight.options()),
      .grad_hidden =
          at::empty(p.hidden_grad ? p.hidden.sizes() : at::IntArrayRef{0}, p.hidden.options())};
  const std::int64_t block = rows_of_block(weight);
  for (std::int64_t begin = 0; begin < p.hidden.size(0); begin += block) {
    const std::int64_t size = std::min(block, p.hidden.size(0) - begin);
    const at::Tensor hidden = p.hidden.narrow(0, begin, size).to(type);  // [R, D]
    const at::Tensor targets = p.targets.narrow(0, begin, size);         // [R, s]
    const at::Tensor valid = targets.ne(p.ignore_index);
    const at::Tensor share = at::where(valid, p.coefficients, zero);  // [R, s]
    const at::Tensor row_share = share.sum(1, true);                  // [R, 1]
    const at::Tensor index = targets.masked_fill(valid.logical_not(), 0);
    at::Tensor logits = at::mm(hidden, weight.t());  // [R, V]
    if (p.logit_soft_cap > 0) logits = logits.div_(p.logit_soft_cap).tanh_().mul_(p.logit_soft_cap);
    const at::Tensor lse = at::logsumexp(logits, {1}, true);  // [R, 1]
    // A row without a valid target is left out, even where its logits are not finite.
    const at::Tensor ignored = valid.any(1, true).logical_not();  // [R, 1]
    const at::Tensor penalised = lse.square().mul_(p.z_loss).add_(lse);
    const at::Tensor row_loss =
        row_share.mul(penalised).sub_(share.mul(logits.gather(1, index)).sum(1, true));
    result.loss.add_(row_loss.masked_fill(ignored, 0).sum());
    if (!gradient) continue;
    at::Tensor grad = logits.sub(lse).exp_().mul_(lse.mul(2 * p.z_loss).add_(1).mul_(row_share));
    grad.scatter_add_(1, index, share.neg());
    if (p.logit_soft_cap > 0) grad.mul_(logits.div(p.logit_soft_cap).square_().neg_().add_(1));
    grad.masked_fill_(ignored, 0);
    if (p.hidden_grad) result.grad_hidden.narrow(0, begin, size).copy_(at::mm(grad, weight));
    if (p.grad_weight.defined()) p.grad_weight.addmm_(grad.t(), hidden);
  }
  return result;
}

}  // namespace superpose::ops
