#include "model/block.h"

#include <utility>

#include "ops/linear.h"
#include "ops/recomputed_linear.h"

namespace superpose::model {

const at::Tensor& Weight::wanted(Gradients gradients) const {
  static const at::Tensor none;
  return gradients == Gradients::kAccumulate ? gradient : none;
}

Weight weight_of(const FlatParameters& parameters, const std::string& name) {
  return {parameters.compute_view(name), parameters.gradient_view(name)};
}

Weight joined_weight(const FlatParameters& parameters, const std::string& first,
                     const std::string& last) {
  return {parameters.joined_compute_view(first, last),
          parameters.joined_gradient_view(first, last)};
}

at::Tensor product(const char* name, const at::Tensor& x, const Weight& weight,
                   Gradients gradients) {
  RECORD_USER_SCOPE(name);
  return ops::linear_accumulate(x, weight.value, weight.wanted(gradients));
}

NormedProduct normed_product(const char* name, const Weight& norm, double norm_eps,
                             const Residual& in, const Weight& weight, Gradients gradients) {
  RECORD_USER_SCOPE(name);
  auto [sum, product] = ops::add_rms_norm_linear_accumulate(
      in.sum, in.update, {norm.value, norm_eps, norm.wanted(gradients)}, weight.value,
      weight.wanted(gradients));
  return {std::move(sum), std::move(product)};
}

StepPart norm_part(const ModelConfig& config, const StepShape& shape) {
  return {"norm", traffic_cost(shape, 4 * config.hidden_size, 4 * config.hidden_size)};
}

}  // namespace superpose::model
