// The command line of `superpose eval`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace superpose::cli {

// Adds the options, their help and the footer; what they say goes into `options`.
void add_eval_options(CLI::App& command, EvalOptions& options);

}  // namespace superpose::cli
