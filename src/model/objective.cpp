#include "model/objective.h"

#include <c10/util/Exception.h>

#include <array>

namespace superpose::model {

const Objective& find_objective(std::string_view name) {
  static constexpr std::array kAll = {&kMultiHotObjective, &kSetSumObjective};
  for (const Objective* objective : kAll) {
    if (objective->name == name) return *objective;
  }
  TORCH_CHECK_VALUE(false, "objective: unknown name, got ", name);
}

}  // namespace superpose::model
