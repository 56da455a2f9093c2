// The options of `superpose bench`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace superpose::cli {

void add_bench_options(CLI::App& command, BenchOptions& options);

}  // namespace superpose::cli
