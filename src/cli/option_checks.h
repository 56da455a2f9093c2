// Checks of an option's value, in plain words.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::cli {

// In place of CLI11's own, which name numbers of 300 digits and their own notation. What is not a
// whole number is refused by CLI11 itself.
CLI::Validator at_least(std::int64_t least);

// One of the names, or their like in other programs suggested.
CLI::Validator one_of(const std::vector<std::string>& names);

// The same; the name becomes its index, which is how CLI11 reads an enum.
CLI::Validator number_of(std::span<const std::string_view> names);

}  // namespace superpose::cli
