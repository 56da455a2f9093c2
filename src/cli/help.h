// What --help prints.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace superpose::cli {

// Columns that --help keeps to.
inline constexpr std::size_t kHelpColumns = 100;

// CLI11's layout with lines that are broken at kHelpColumns, and the default of each option that
// takes a value behind its description: what default_str() says, else "none".
std::shared_ptr<CLI::FormatterBase> help_layout();

// A table of the model presets and their shapes, a line each.
std::string preset_table();

}  // namespace superpose::cli
