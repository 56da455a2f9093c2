#include <iostream>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/recipe_file.h"
#include "data/mixture.h"
#include "data/source_usage.h"
#include "distributed/collective.h"
#include "superposition/phases.h"
#include "train/run_corpora.h"

namespace superpose::cli {

int data_mix_command(const DataOptions& options) {
  const train::RunConfig recipe = load_recipe(options.target, options.overrides).base;
  const auto phases = superposition::make_phases(recipe.phases, recipe.train.steps);
  data::check_mixture(recipe.mixture, recipe.data);
  data::check_phase_weights(phases, recipe.mixture);
  distributed::LocalCollective alone;
  const auto sources =
      train::prepare_corpora(recipe, {.stream = &std::cout, .columns = terminal_columns()}, alone)
          .sources;
  const std::int64_t length = recipe.train.sequence_length;
  const auto layouts = data::choose_layouts(sources, phases, length, recipe.data);
  const data::BatchSource source(
      data::open_streams(sources, {.seed = static_cast<std::uint64_t>(recipe.train.seed),
                                   .layouts = layouts,
                                   .document_aware = recipe.data.document_aware}),
      {.phases = phases, .sequence_length = length, .rows_per_step = recipe.train.rows_per_step()});
  data::print_usage(std::cout, source, phases);
  return kDone;
}

}  // namespace superpose::cli
