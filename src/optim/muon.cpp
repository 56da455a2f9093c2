#include "optim/muon.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "optim/gradient_norm.h"

namespace superpose::optim {
namespace {

// The quintic's coefficients and the number of iterations, as in Jordan's reference.
constexpr double kA = 3.4445;
constexpr double kB = -4.7750;
constexpr double kC = 2.0315;
constexpr int kIterations = 5;
constexpr double kEps = 1e-7;  // least norm

// On CPU by a sum whose order depends on the size alone.
at::Tensor norm_of(const at::Tensor& x) {
  if (!x.is_cpu()) return at::linalg_vector_norm(x);
  return at::scalar_tensor(gradient_norm(x.flatten()), x.options());
}

}  // namespace

at::Tensor orthogonal(const at::Tensor& matrix) {
  const bool is_tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = is_tall ? matrix.t().contiguous() : matrix;  // [n, m], n <= m
  x = x.div(norm_of(x).clamp_min(kEps));
  for (int i = 0; i < kIterations; ++i) {
    const at::Tensor gram = at::mm(x, x.t());                           // [n, n]
    const at::Tensor polynomial = at::addmm(gram, gram, gram, kB, kC);  // b g + c g^2
    x = at::addmm(x, polynomial, x, kA);                                // a x + (...) x
  }
  return is_tall ? x.t() : x;
}

std::span<const std::string_view> Muon::states() const {
  static constexpr std::array<std::string_view, 1> kStates = {"momentum"};
  return kStates;
}

void Muon::update(const RuleRange& range, const RuleStep& step) const {
  const double momentum = config_.muon_momentum;
  const at::Tensor weight = range.master.view(range.shape);
  const at::Tensor gradient = range.gradient.view(range.shape).mul(step.grad_scale);
  at::Tensor mean = range.states[0].view(range.shape);
  mean.mul_(momentum).add_(gradient, 1 - momentum);
  const at::Tensor direction = orthogonal(gradient.mul(1 - momentum).add(mean, momentum));
  const double size =
      0.2 * std::sqrt(static_cast<double>(std::max(weight.size(0), weight.size(1))));
  weight.mul_(1 - step.learning_rate * step.weight_decay)
      .add_(direction, -step.learning_rate * size);
  if (range.copy.defined()) range.copy.view(range.shape).copy_(weight);
}

}  // namespace superpose::optim
