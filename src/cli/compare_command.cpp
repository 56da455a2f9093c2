#include <filesystem>
#include <iostream>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/machine.h"
#include "cli/overrides.h"
#include "cli/recipe_file.h"
#include "distributed/collective.h"
#include "distributed/rendezvous.h"
#include "experiment/compare.h"
#include "util/files.h"

namespace superpose::cli {

int compare_command(const CompareOptions& options) {
  const experiment::Recipe recipe = load_recipe(options.recipe, options.overrides);
  const auto rendezvous = distributed::rendezvous_from_environment();
  const std::unique_ptr<distributed::Collective> collective =
      distributed::make_collective(rendezvous);

  experiment::CompareOptions compare;
  compare.dry_run = options.dry_run;
  compare.only = options.only;
  compare.overwrite = options.overwrite;
  compare.recipe_name = std::filesystem::path(options.recipe).filename();
  compare.recipe_text = util::read_file(options.recipe);
  compare.commands = {command_line("compare", options.recipe, options.overrides)};
  compare.plotly_script = plotly_script();
  compare.machine = describe_machine(rendezvous);
  compare.console_columns = terminal_columns();
  const experiment::CompareOutcome outcome =
      experiment::compare(recipe, compare, *collective, std::cout);

  if (outcome.status == experiment::CompareStatus::kStoppedBySignal) {
    if (collective->rank() == 0) {
      std::cout << "Stopped on a signal with a checkpoint written. The same command resumes the "
                   "comparison.\n";
    }
    return kStoppedBySignal;
  }
  if (outcome.status == experiment::CompareStatus::kFinished && collective->rank() == 0) {
    std::cout << '\n' << outcome.text << "\nReport: " << outcome.report.string() << '\n';
  }
  return kDone;
}

}  // namespace superpose::cli
