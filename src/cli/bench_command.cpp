#include <filesystem>
#include <iostream>
#include <optional>

#include "bench/export.h"
#include "bench/measure.h"
#include "bench/report.h"
#include "bench/turns.h"
#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/paths.h"
#include "cli/recipe_file.h"
#include "distributed/rendezvous.h"
#include "util/error.h"
#include "util/output_folder.h"

namespace superpose::cli {

int bench_command(const BenchOptions& options) {
  const auto rendezvous = distributed::rendezvous_from_environment();
  util::require(!rendezvous || rendezvous->world_size == 1,
                "bench: must run as a single process, got ", rendezvous->world_size);
  std::optional<util::OutputFile> json;
  if (options.json) json.emplace(*options.json, options.overwrite).check();
  if (options.json && options.export_folder) {
    for (const std::string& name : bench::kExportedFiles) {
      require_distinct("--json", *options.json, "--export",
                       (std::filesystem::path(*options.export_folder) / name).string());
    }
  }
  std::optional<util::OutputFolder> exported;
  if (options.export_folder) {
    exported.emplace(*options.export_folder, options.overwrite).check(bench::kExportedFiles);
  }
  const train::Machine machine = describe_machine(rendezvous);
  bench::Session session(load_recipe(options.recipe, options.overrides).base, options.bags,
                         machine);
  if (exported) bench::export_session(session, *exported);
  if (options.turns) {
    bench::take_turns(session, std::cin, std::cout);
    return kDone;
  }
  bench::print_settings(std::cout, session, machine);
  std::cout << std::flush;
  const bench::Result result = bench::measure(
      session, {.num_blocks = options.num_blocks, .block_seconds = options.block_seconds});
  bench::print_result(std::cout, session, result);
  if (json) json->write(bench::to_json(session, result, machine).dump(2) + "\n");
  return kDone;
}

}  // namespace superpose::cli
