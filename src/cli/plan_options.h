// The options of `superpose plan` and `superpose doctor`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace superpose::cli {

// What stands below the options.
inline constexpr const char* kPlanFooter =
    "\n\nA key that is given stays as it is. Gains are quoted from the paper and from "
    "this project's\nown runs, never computed. Learning rates do not transfer between "
    "sizes: try some.";
inline constexpr const char* kDoctorFooter =
    "\n\nPrepares the corpus as train would; writes nothing else that stays. Checks: "
    "folder, ranks (with\nsuperpose launch -n N -- doctor RECIPE), corpus, tokenizer, a "
    "bag as text, the plan's warnings,\nweights, first loss, bags of one, gradient, "
    "causality, time and memory of a step, a checkpoint.\nExit code 1 where one fails; "
    "warnings do not count.";

void add_plan_options(CLI::App& command, PlanOptions& options);
void add_doctor_options(CLI::App& command, DoctorOptions& options);

}  // namespace superpose::cli
