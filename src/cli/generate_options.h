// The command line of `superpose generate`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace superpose::cli {

// Adds the options, their help and the footer; what they say goes into `options`.
void add_generate_options(CLI::App& command, GenerateOptions& options);

}  // namespace superpose::cli
