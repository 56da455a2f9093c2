#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/recipe_file.h"
#include "config/config.h"
#include "distributed/collective.h"
#include "distributed/rendezvous.h"
#include "doctor/doctor.h"
#include "util/output_folder.h"

namespace superpose::cli {

int doctor_command(const DoctorOptions& options) {
  std::optional<util::OutputFile> json;
  if (options.json) json.emplace(*options.json, options.overwrite).check();
  const experiment::Recipe recipe = load_recipe(options.recipe, options.overrides);
  const auto rendezvous = distributed::rendezvous_from_environment();
  const std::unique_ptr<distributed::Collective> ranks = distributed::make_collective(rendezvous);
  const bool is_first = ranks->rank() == 0;

  train::RunSpec spec;
  spec.config = recipe.base;
  spec.settings = config::settings(recipe.base);
  spec.recipe_file = options.recipe;
  spec.machine = describe_machine(rendezvous);

  const doctor::Report report = doctor::examine(spec, *ranks, is_first ? &std::cout : nullptr);
  if (!is_first) return kDone;
  std::cout << doctor::summary(report) << '\n';
  if (json) json->write(doctor::to_json(report).dump(2) + "\n");
  return report.passed() ? kDone : kFailed;
}

}  // namespace superpose::cli
