#include "cli/plan_options.h"

#include "cli/option_checks.h"

namespace superpose::cli {

void add_plan_options(CLI::App& command, PlanOptions& options) {
  command
      .add_option("model", options.model,
                  "Preset, folder of a Hugging Face model (its shape, with new weights), or recipe "
                  "(.toml), of which all but steps and phases stays")
      ->required();
  CLI::Option* flops =
      command.add_option("--flops", options.flops, "Budget in FLOPs, forward and backward: 1e15")
          ->check(number_at_least(1));
  command
      .add_option("--hours", options.hours,
                  "Budget in hours of training steps on this machine, whose speed is measured for "
                  "some seconds")
      ->check(number_at_least(0))
      ->excludes(flops);
  command
      .add_option("--tokens", options.tokens,
                  "Tokens of text available. Alone: the budget, read once; with another budget: "
                  "how often they are read, and whether bags are worth that")
      ->check(whole_number(1));
  command.add_option("--recipe", options.recipe,
                     "Write the recipe to this file; its text is named by --data.sources");
  command.add_option("--json", options.json, "Write every figure, rule and source to this file");
  add_overwrite(&command, options.overwrite);
}

void add_doctor_options(CLI::App& command, DoctorOptions& options) {
  command.add_option("recipe", options.recipe, "Recipe file (TOML)")->required();
  command.add_option("--json", options.json, "Write every result to this file");
  add_overwrite(&command, options.overwrite);
}

}  // namespace superpose::cli
