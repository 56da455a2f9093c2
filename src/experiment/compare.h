// `superpose compare`: plan the runs, do those that are not done, report.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "distributed/collective.h"
#include "experiment/recipe.h"
#include "train/environment.h"
#include "util/output_folder.h"

namespace superpose::experiment {

struct CompareOptions {
  bool dry_run = false;
  std::string only;         // "arm=tst,seed=2": that part and what it needs; empty = everything
  std::string recipe_name;  // file name of the recipe, for the report
  std::string recipe_text;  // the file as it is
  std::vector<std::string> commands;    // that repeat the comparison, for the report
  std::filesystem::path plotly_script;  // copied into the report
  train::Machine machine;               // for the records of the runs
  int console_columns = 0;              // of the terminal that `out` is; 0 = none
  util::Overwrite overwrite = util::Overwrite::kOwn;
};

enum class CompareStatus {
  kFinished,         // every selected run is done and the report is written
  kDryRun,           // the list was printed, nothing was run
  kStoppedBySignal,  // the running step was finished and a checkpoint written; the next call goes
                     // on there
};

struct CompareOutcome {
  CompareStatus status = CompareStatus::kFinished;
  int signal = 0;                  // with kStoppedBySignal
  std::int64_t runs = 0;           // selected, with what they need
  std::int64_t runs_done_now = 0;  // by this call; the others were done before
  std::string text;                // kFinished: the result in words. Rank 0 alone
  std::filesystem::path report;    // kFinished: the page. Rank 0 alone
};

// Runs the comparison in recipe.base.run.dir: one folder for each run, experiment.json, and the
// report's files. Every rank of `collective` calls it with the same recipe and options; rank 0
// alone decides what is done, prints and writes. Throws util::Error (one line): a recipe that
// cannot be planned, a folder that holds another comparison, a run that fails. A point of the
// learning-rate grid whose loss is not finite is noted and left out instead.
CompareOutcome compare(const Recipe& recipe, const CompareOptions& options,
                       distributed::Collective& collective, std::ostream& out);

}  // namespace superpose::experiment
