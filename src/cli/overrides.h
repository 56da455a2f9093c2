// Recipe keys on the command line: `--train.steps 100` or `--train.steps=100`.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace superpose::cli {

// Takes the recipe keys out of `arguments` (argv without the program's name) and returns them in
// their order; what is left is the command's own. A recipe key is an option with a dot in its
// name, or a whole list: --phases, --validation, --mixture.
//
// Throws util::Error when a key has no value.
std::vector<config::Override> take_overrides(std::vector<std::string>& arguments);

// "superpose train mine.toml --train.steps '100'": what to type for the same again.
std::string command_line(const std::string& command, const std::string& recipe,
                         const std::vector<config::Override>& overrides);

}  // namespace superpose::cli
