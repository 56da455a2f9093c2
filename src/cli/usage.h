// One clear line for a command line that CLI11 refuses.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace superpose::cli {

// What is wrong, and what was probably meant: an option, a command, or a recipe key where the
// command is one of `recipe_commands`. What is unknown comes before what is missing, as one is
// often the reason for the other.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error,
                          const std::vector<const CLI::App*>& recipe_commands);

}  // namespace superpose::cli
