#include "optim/update_ratio.h"

#include <ATen/TensorOperators.h>

#include <array>
#include <cmath>

#include "optim/gradient_norm.h"

namespace superpose::optim {
namespace {

double squared_norm(const at::Tensor& flat) {
  const double norm = gradient_norm(flat);
  return norm * norm;
}

}  // namespace

std::vector<std::pair<std::string, double>> update_ratios(const model::FlatParameters& parameters,
                                                          const at::Tensor& before) {
  struct Sums {
    double change = 0, weights = 0;
    bool found = false;
  };
  std::array<Sums, model::kRoleNames.size()> sums;
  for (const model::Parameter& weight : parameters.list()) {
    const at::Tensor old = before.narrow(0, weight.offset, weight.numel());
    Sums& of_role = sums[static_cast<std::size_t>(weight.role)];
    of_role.change += squared_norm(parameters.view(weight.name).flatten() - old);
    of_role.weights += squared_norm(old);
    of_role.found = true;
  }
  std::vector<std::pair<std::string, double>> ratios;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!sums[i].found) continue;
    const double ratio = sums[i].weights > 0 ? std::sqrt(sums[i].change / sums[i].weights) : 0;
    ratios.emplace_back(model::kRoleNames[i], ratio);
  }
  return ratios;
}

}  // namespace superpose::optim
