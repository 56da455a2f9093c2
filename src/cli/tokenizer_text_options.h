// The commands `superpose tokenizer encode` and `decode`, with their options.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace superpose::cli {

// The commands of `tokenizer` that turn text into ids, and the way back.
struct TokenizerTextCommands {
  CLI::App* encode;
  CLI::App* decode;
};

TokenizerTextCommands add_tokenizer_text(CLI::App& tokenizer, TokenizerTextOptions& options);

}  // namespace superpose::cli
