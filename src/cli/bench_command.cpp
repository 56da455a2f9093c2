#include <iostream>

#include "bench/export.h"
#include "bench/measure.h"
#include "bench/report.h"
#include "bench/turns.h"
#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/recipe_file.h"
#include "distributed/rendezvous.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::cli {

int bench_command(const BenchOptions& options) {
  const auto rendezvous = distributed::rendezvous_from_environment();
  util::require(!rendezvous || rendezvous->world_size == 1,
                "bench: measures one process, got a world of ", rendezvous->world_size);
  const train::Machine machine = describe_machine(rendezvous);
  bench::Session session(load_recipe(options.recipe, options.overrides).base, options.bags,
                         machine);
  if (options.export_folder) bench::export_session(session, *options.export_folder);
  if (options.turns) {
    bench::take_turns(session, std::cin, std::cout);
    return kDone;
  }
  bench::print_settings(std::cout, session, machine);
  std::cout << std::flush;
  const bench::Result result = bench::measure(
      session, {.num_blocks = options.num_blocks, .block_seconds = options.block_seconds});
  bench::print_result(std::cout, session, result);
  if (options.json) {
    util::write_file_atomic(*options.json, bench::to_json(session, result, machine).dump(2) + "\n");
  }
  return kDone;
}

}  // namespace superpose::cli
