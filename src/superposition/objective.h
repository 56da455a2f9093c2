// The objective of a phase: what it adds up over a step, and the rule by which that becomes the
// step's loss.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace superpose::superposition {

// What a step adds up: a term for each valid target, or one for each position that has any.
enum class Terms { kOfTargets, kOfPositions };

// What is said of a position's b targets. How each is computed: src/model/<name>_objective.cpp.
enum class Objective { kMultiHot, kSetSum };

struct ObjectiveTraits {
  std::string_view name;
  Terms terms = Terms::kOfTargets;
};
inline constexpr std::array<ObjectiveTraits, 2> kObjectives = {
    {{"multi_hot", Terms::kOfTargets}, {"set_sum", Terms::kOfPositions}}};

constexpr const ObjectiveTraits& traits_of(Objective objective) {
  return kObjectives[static_cast<std::size_t>(objective)];
}

// The names alone, as a recipe has them.
inline constexpr auto kObjectiveNames = [] {
  std::array<std::string_view, kObjectives.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kObjectives[i].name;
  return names;
}();

// As records and messages have it: "" for multi_hot, which goes without saying.
constexpr std::string_view told_name(Objective objective) {
  const ObjectiveTraits& traits = traits_of(objective);
  return &traits == &traits_of(Objective::kMultiHot) ? std::string_view() : traits.name;
}

// The rule of reduction: what terms are multiplied with so that they add up to the loss of a step,
// in whatever micro-batches and ranks.
//
//   of targets    [b]  w_i / n_i in slot i, w renormalised over the slots with n_i > 0; 0 elsewhere
//   of positions  [1]  1 / n, n positions with a valid target; w does not matter
//
//   slot_weights  [b]  w, sum 1
//   counts        [b]  n_i, the valid targets of slot i over the whole step. A position that has
//                      any has one in slot 0 (windows.h), so n = n_0.
//
// Throws util::Error where nothing is to be predicted, or with weight 0 alone.
std::vector<float> loss_coefficients(Terms terms, std::span<const double> slot_weights,
                                     std::span<const std::int64_t> counts);

}  // namespace superpose::superposition
