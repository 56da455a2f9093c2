#include "cli/bench_options.h"

#include "cli/option_checks.h"

namespace superpose::cli {

void add_bench_options(CLI::App& command, BenchOptions& options) {
  command.add_option("recipe", options.recipe, "Recipe file (TOML); its corpus is not read")
      ->required();
  command.add_option("--bags", options.bags, "Bag sizes to measure in addition to 1, as 4,8,16")
      ->default_str("those of the recipe")
      ->check(whole_number(1))
      ->delimiter(',');
  command.add_option("--blocks", options.num_blocks, "Timed blocks of each bag size, interleaved")
      ->check(whole_number(1))
      ->capture_default_str();
  command.add_option("--block-seconds", options.block_seconds, "Target duration of a timed block")
      ->check(number_at_least(0))
      ->capture_default_str();
  command.add_option("--json", options.json, "File for every number, and the machine's features");
  command.add_option("--export", options.export_folder,
                     "Folder for the initial model (Hugging Face) and the batches, for other\n"
                     "programs to start from");
  command.add_flag("--turns", options.turns,
                   "Interactive mode for benchmark scripts: reads commands (\"reset\", \"step CASE "
                   "STEPS\",\n\"ceiling\", \"status\") from standard input, answers one JSON line "
                   "each");
  add_overwrite(&command, options.overwrite);
}

}  // namespace superpose::cli
