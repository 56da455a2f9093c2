// Checks of an option's value, in plain words.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/output_folder.h"

namespace superpose::cli {

// A whole number from `least` to `most`, in decimal. Every option that holds one has this check:
// without it CLI11 takes the nearest 64 bits of whatever is given.
CLI::Validator whole_number(std::int64_t least,
                            std::int64_t most = std::numeric_limits<std::int64_t>::max());

// A finite number, `least` or more.
CLI::Validator number_at_least(double least);

// One of the names, or their like in other programs suggested.
CLI::Validator one_of(const std::vector<std::string>& names);

// The same; the name becomes its index, which is how CLI11 reads an enum.
CLI::Validator number_of(std::span<const std::string_view> names);

// --threads of a command that computes.
void add_threads(CLI::App& command, std::int64_t& threads);

// --overwrite, of a command that writes files.
void add_overwrite(CLI::App* command, util::Overwrite& overwrite);

// Throws CLI::ValidationError where an option of `command` or of the command that it chose is given
// an empty text, as a variable that is not set gives it: it would count as not given, or name the
// current folder. A prompt and a separator may be empty. Likewise where "-" is to be written to: a
// file appears whole, so standard output cannot be one, and a file of that name was not meant.
void check_values(const CLI::App& command);

}  // namespace superpose::cli
