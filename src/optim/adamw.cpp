#include "optim/adamw.h"

#include <array>

#include "ops/adamw.h"

namespace superpose::optim {

std::span<const std::string_view> AdamW::states() const {
  static constexpr std::array<std::string_view, 2> kStates = {"exp_avg", "exp_avg_sq"};
  return kStates;
}

void AdamW::update(const RuleRange& range, const RuleStep& step) const {
  const ops::AdamWStep update{.learning_rate = step.learning_rate,
                              .beta1 = config_.beta1,
                              .beta2 = config_.beta2,
                              .eps = config_.eps,
                              .weight_decay = step.weight_decay,
                              .grad_scale = step.grad_scale,
                              .step = step.number};
  ops::adamw_update(range.master, range.gradient, range.states[0], range.states[1], update,
                    range.copy);
}

}  // namespace superpose::optim
