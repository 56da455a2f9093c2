#include "cli/report_options.h"

#include <CLI/CLI.hpp>

namespace superpose::cli {

void add_report_options(CLI::App& command, ReportOptions& options) {
  command.add_option("folders", options.folders,
                     "A run, or the folders of one comparison; parts from several machines are "
                     "merged. A run may be another\n"
                     "trainer's: TensorBoard events, a W&B CSV export, a log of nanoGPT or "
                     "nanochat, trainer_state.json");
  command
      .add_option("--arm", options.arms,
                  "name=PATH,PATH: run folders or record files of one arm, also of other trainers; "
                  "repeat; the first arm\n"
                  "is the baseline (docs/formats/metrics.md)")
      ->take_all();
  command
      .add_option("--map", options.map,
                  "KEY=VALUE or ARM:KEY=VALUE, of another trainer's record: which of its series is "
                  "loss, train_loss, ...,\n"
                  "or what it does not say, as seed, flops_per_position (docs/formats/metrics.md); "
                  "repeat")
      ->take_all();
  command.add_flag("--watch", options.watch,
                   "Rewrite the page while the runs train, until they end or a signal comes");
  command.add_option("--out", options.out, "Folder to write to")
      ->default_str("the first folder, or .");
}

}  // namespace superpose::cli
