// What a comparison consists of: written by the driver as experiment.json
// (docs/formats/experiment.md) before its first run, and read back by the report together with the
// run folders that it names.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/reader.h"
#include "report/trainers/mapping.h"
#include "util/output_folder.h"

namespace superpose::report {

inline constexpr std::int64_t kExperimentSchema = 1;

enum class Role {
  kTrunk,   // runs on the stable rate so that branches can start from it; its own loss is never
            // quoted
  kBranch,  // starts from a trunk's checkpoint and decays: a result at its budget
  kFinal,   // a run of its own from step 0: a result at its budget
  kTuning,  // one point of the learning-rate grid, tuning seed; chosen on half A
};
inline constexpr std::array<std::string_view, 4> kRoleNames = {"trunk", "branch", "final",
                                                               "tuning"};

// Whether a run of this role has a loss that is quoted.
constexpr bool is_result(Role role) { return role == Role::kFinal || role == Role::kBranch; }

struct RunEntry {
  std::string arm;
  std::int64_t seed = 0;
  double learning_rate = 0;  // peak
  double budget = 1;         // run length as a fraction of train.steps
  Role role = Role::kFinal;
  std::string folder;  // relative to the experiment's folder, or absolute; may not exist yet
  // Branch: the trunk's folder, whose records before parent_step belong to this run, and the steps
  // finished at the checkpoint that it started from.
  std::string parent;
  std::int64_t parent_step = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("arm", self.arm);
    v.required("seed", self.seed);
    v.required("learning_rate", self.learning_rate);
    v.required("budget", self.budget);
    v.choice("role", self.role, kRoleNames);
    v.required("folder", self.folder);
    v.unless_empty("parent", self.parent);
    if (!self.parent.empty()) v.required("parent_step", self.parent_step);
  }
};

// Two arms' difference over seeds, as a recipe records it from an earlier comparison.
struct NoiseFigure {
  std::string arm;
  double spread = 0;       // deviation over seeds of baseline's - arm's final loss, nats per token
  std::int64_t seeds = 0;  // that it was measured over
  std::string source;      // where it comes from, in words

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("arm", self.arm);
    v.required("spread", self.spread);
    v.required("seeds", self.seeds);
    v.unless_empty("source", self.source);
  }
};

// The settings of the baseline and an arm at one budget: a noise figure belongs to one value of
// them.
struct PairSettings {
  std::string arm;
  std::string settings;  // fingerprint, 16 hex digits
  double budget = 1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("arm", self.arm);
    v.required("settings", self.settings);
    v.optional("budget", self.budget);
  }
};

// What an arm's overrides are.
struct ArmDefinition {
  std::string arm;
  std::string settings;  // fingerprint, 16 hex digits

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("arm", self.arm);
    v.required("settings", self.settings);
  }
};

// [compare.grid]: keys and the values that each of its arms has.
struct GridArm {
  std::string arm;
  std::vector<std::string> values;  // TOML text, in the order of `keys`

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("arm", self.arm);
    v.required("values", self.values);
  }
};
struct Grid {
  std::vector<std::string> keys;  // dotted, in the order of the recipe
  std::vector<GridArm> arms;

  bool empty() const { return keys.empty(); }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("keys", self.keys);
    v.required("arms", self.arms);
  }
};

struct Experiment {
  std::string title;
  std::string baseline;                     // the arm that others are compared with
  std::vector<std::string> arms;            // in order of showing; baseline included
  std::optional<std::int64_t> tuning_seed;  // set exactly when there is a learning-rate grid
  std::vector<double> learning_rates;       // the grid; empty: no rates were searched
  std::string recipe_name;                  // file name of the recipe
  std::string recipe_text;                  // as written, or resolved
  std::string recipe_fingerprint;  // hash without operational keys; RunHeader::fingerprints.recipe
                                   // of every run
  std::vector<std::string> commands;  // that repeat the experiment
  std::vector<std::string> notes;  // shown in the report: "corpus differs from the published hash"
  std::vector<RunEntry> runs;
  // Recipe fingerprints must agree across all runs (a comparison), or within an arm only (arms
  // given one by one).
  bool one_recipe = true;
  std::vector<NoiseFigure> noise;   // those that apply to this comparison
  std::vector<PairSettings> pairs;  // of every arm but the baseline, at each of its budgets
  Grid grid;                        // no keys: none
  std::vector<ArmDefinition> arm_definitions;  // of every arm; empty where an earlier version wrote
  // The arms that recipe_fingerprint covers, where others were added since; empty: all of `arms`.
  std::vector<std::string> fingerprint_arms;
  // Runs of other trainers, by folder: read with the experiment and not written with it.
  std::map<std::string, metrics::RunRecords> foreign = {};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.optional("title", self.title);
    v.required("baseline", self.baseline);
    v.required("arms", self.arms);
    v.optional("tuning_seed", self.tuning_seed);
    v.optional("learning_rates", self.learning_rates);
    v.optional("recipe_name", self.recipe_name);
    v.optional("recipe_text", self.recipe_text);
    v.required("recipe_fingerprint", self.recipe_fingerprint);
    v.optional("commands", self.commands);
    v.optional("notes", self.notes);
    v.required("runs", self.runs);
    v.unless_empty("noise", self.noise);
    v.unless_empty("pairs", self.pairs);
    v.unless_empty("grid", self.grid);
    v.unless_empty("arm_definitions", self.arm_definitions);
    v.unless_empty("fingerprint_arms", self.fingerprint_arms);
  }
};

void write_experiment(const util::OutputFolder& folder, const Experiment& experiment);

// Reads <folder>/experiment.json; run folders come back absolute. Throws util::Error naming file
// and field.
Experiment read_experiment(const std::filesystem::path& folder);

// Whether `path` holds the records of a run and no comparison: a run folder, a .jsonl or .csv file,
// or what another trainer recorded (trainers/trainer_log.h).
bool is_one_run(const std::filesystem::path& path);

// A run by itself as an experiment of one arm, with its recipe and command where they are there.
// Of another trainer's record, what it does not say is left out and named in a note.
Experiment experiment_of_run(const std::filesystem::path& path, const Mapping& mapping = Mapping());

// One experiment out of parts that ran on several machines. Parts whose recipe fingerprint differs
// are refused by name; a run that two parts hold is taken from the part where it finished.
Experiment merge_experiments(const std::vector<std::filesystem::path>& folders);

// One arm of `superpose report --arm name=PATH,PATH`.
struct ArmPaths {
  std::string name;
  std::vector<std::filesystem::path> paths;  // run folders, .jsonl or .csv files, one run each
};

// An experiment out of any trainer's records in the schema of docs/formats/metrics.md; seed, peak
// rate and budget come from the records. The first arm is the baseline. Throws util::Error naming
// what another trainer's record and the mapping lack for a comparison.
Experiment experiment_from_arms(const std::vector<ArmPaths>& arms,
                                const Mapping& mapping = Mapping());

}  // namespace superpose::report
