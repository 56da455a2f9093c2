// What is wrong with a plan: all rules in one place, each a function of the plan's numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/plan.h"

namespace superpose::train {

// Fewest steps after the switch in which superposition is known to catch up (the paper's figures
// and small-scale runs agree on one to two thousand).
inline constexpr std::int64_t kRecoverySteps = 1000;

// Epochs up to which text read again is worth nearly as much as new text (Muennighoff et al. 2023,
// "Scaling Data-Constrained Language Models", arXiv 2305.16264, section 5).
inline constexpr double kWorthwhileEpochs = 4;

// In the order of Check. Looks at no member of the plan that is itself a finding.
std::vector<Finding> check_plan(const Plan& plan);

// Errors as one line; empty where there are none.
std::string errors_of(const std::vector<Finding>& findings);

// What the model that the run leaves behind lacks: the findings on how the run ends. Worth saying
// again when it has.
std::vector<std::string> end_remarks(const Plan& plan);

}  // namespace superpose::train
