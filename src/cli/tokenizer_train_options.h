// The command line of `superpose tokenizer train`.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace superpose::cli {

// Adds the options and their help; what they say goes into `options`.
void add_tokenizer_train_options(CLI::App& command, TokenizerTrainOptions& options);

}  // namespace superpose::cli
