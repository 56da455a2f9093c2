#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/machine.h"
#include "cli/paths.h"
#include "cli/recipe_file.h"
#include "config/config.h"
#include "corpus/corpus.h"
#include "distributed/collective.h"
#include "experiment/recipe_names.h"
#include "model/presets.h"
#include "planner/planner.h"
#include "planner/speed.h"
#include "train/initial_weights.h"
#include "util/error.h"
#include "util/output_folder.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

namespace fs = std::filesystem;

// What a recipe decides of what a plan would choose.
constexpr const char* kKeptOfRecipe[] = {"train.batch_positions", "train.sequence_length",
                                         "optim.learning_rate", "optim.warmup_steps",
                                         "optim.decay_share"};

bool is_recipe(const std::string& model) { return fs::path(model).extension() == ".toml"; }

bool is_preset(const std::string& model) {
  const std::vector<std::string> names = model::preset_names();
  return std::find(names.begin(), names.end(), model) != names.end();
}

// The shape of a folder's model, without its weights, and its tokenizer.
train::RunConfig with_shape_of(const std::string& folder, const train::RunConfig& base) {
  distributed::LocalCollective alone;
  const auto found = train::find_initial_weights(folder, {}, alone);
  train::RunConfig config = train::with_initial_weights(base, *found);
  config.model.init_from.clear();
  return config;
}

experiment::Recipe read_model(const PlanOptions& options) {
  if (is_recipe(options.model)) return load_recipe(options.model, options.overrides);
  experiment::Recipe recipe;
  util::require(is_preset(options.model) || fs::is_directory(options.model),
                "plan: ", options.model,
                ": must be a recipe (.toml), the folder of a model or one of ",
                util::join(model::preset_names(), ", "));
  if (is_preset(options.model)) recipe.base.model.preset = options.model;
  config::read(recipe, "plan", "", options.overrides, experiment::recipe_synonyms());
  expand_paths(recipe);
  fill_folders(recipe.base);
  if (!is_preset(options.model)) recipe.base = with_shape_of(options.model, recipe.base);
  return recipe;
}

std::set<std::string> given_keys(const PlanOptions& options) {
  std::set<std::string> given;
  if (is_recipe(options.model)) given.insert(std::begin(kKeptOfRecipe), std::end(kKeptOfRecipe));
  for (const config::Override& override : options.overrides) {
    given.insert(override.key.starts_with("phases") ? "phases" : override.key);
  }
  util::require(!given.contains("train.steps"),
                "--train.steps: follows from the budget, it cannot be given");
  return given;
}

bool names_text(const train::RunConfig& config) {
  return !config.data.sources.empty() || !config.data.python_distributions.empty() ||
         !config.mixture.empty();
}

// A folder for the run that nothing lies in, unless one was given.
void name_run(const PlanOptions& options, const std::set<std::string>& given,
              train::RunConfig& config) {
  if (given.contains("run.dir") || is_recipe(options.model)) return;
  config.run.dir = "runs/" + fs::path(*options.recipe).stem().string();
}

}  // namespace

int plan_command(const PlanOptions& options) {
  std::optional<util::OutputFile> recipe_file, json_file;
  if (options.recipe) recipe_file.emplace(*options.recipe, options.overwrite).check();
  if (options.json) json_file.emplace(*options.json, options.overwrite).check();
  if (options.recipe && options.json) {
    require_distinct("--json", *options.json, "--recipe", *options.recipe);
  }
  const experiment::Recipe recipe = read_model(options);
  util::require(!options.recipe || names_text(recipe.base),
                "--recipe: a recipe that runs names its text: give --data.sources '[\"FILES\"]', "
                "and --data.tokenizer");
  planner::Request request;
  request.config = recipe.base;
  request.given = given_keys(options);
  request.vocabulary = corpus::vocabulary_size(recipe.base.data).padded;
  request.budget = {options.flops, options.hours, options.tokens};
  if (options.hours) {
    request.positions_per_second = planner::measure_positions_per_second(
        recipe.base, request.vocabulary, describe_machine(std::nullopt));
  }
  planner::Proposal proposal = planner::propose(request);
  planner::print(std::cout, proposal);
  if (json_file) json_file->write(planner::to_json(proposal).dump(2) + "\n");
  if (recipe_file) {
    experiment::Recipe written = recipe;
    written.base = proposal.config;
    name_run(options, request.given, written.base);
    recipe_file->write(config::to_toml(locate_sources(written).base));
    std::cout << "recipe     " << *options.recipe << "; next: superpose doctor " << *options.recipe
              << '\n';
  }
  return kDone;
}

}  // namespace superpose::cli
