#include "cli/option_checks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "config/synonyms.h"
#include "experiment/recipe_names.h"
#include "util/resources.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

// The index of `text` among the names; where it is none of them, `problem` says so.
std::size_t find_name(const std::vector<std::string>& names, const std::string& text,
                      std::string& problem) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const std::string_view meant = config::meant_by(text, experiment::recipe_synonyms().choices);
  problem = "must be one of " + util::join(names, ", ") + ", got " + text;
  if (std::find(names.begin(), names.end(), meant) != names.end()) {
    problem += ", did you mean " + std::string(meant) + "?";
  }
  return 0;
}

// Whether the text is a number from its first character to its last.
template <class Number>
bool is_all_of(const std::string& text, Number& value) {
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  return read.ec == std::errc{} && read.ptr == end;
}

bool holds(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
  const auto check = [least, most](std::string& text) -> std::string {
    std::int64_t value = 0;
    if (is_all_of(text, value) && value >= least && value <= most) return "";
    const bool is_bounded = most < std::numeric_limits<std::int64_t>::max();
    return "must be a whole number " +
           (is_bounded ? "from " + std::to_string(least) + " to " + std::to_string(most)
                       : ">= " + std::to_string(least)) +
           ", got " + util::shortened(text);
  };
  return CLI::Validator(check, "");
}

CLI::Validator number_at_least(double least) {
  const auto check = [least](std::string& text) -> std::string {
    double value = 0;
    if (is_all_of(text, value) && std::isfinite(value) && value >= least) return "";
    return "must be a number >= " + util::format_double(least) + ", got " + util::shortened(text);
  };
  return CLI::Validator(check, "");
}

CLI::Validator number_of(std::span<const std::string_view> names) {
  const auto number = [names = std::vector<std::string>(names.begin(), names.end())](
                          std::string& text) -> std::string {
    std::string problem;
    const std::size_t found = find_name(names, text, problem);
    if (problem.empty()) text = std::to_string(found);
    return problem;
  };
  return CLI::Validator(number, "");
}

CLI::Validator one_of(const std::vector<std::string>& names) {
  const auto check = [names](std::string& text) {
    std::string problem;
    find_name(names, text, problem);
    return problem;
  };
  return CLI::Validator(check, "");
}

void add_threads(CLI::App& command, std::int64_t& threads) {
  command.add_option("--threads", threads, "CPU threads; 0 = all cores")
      ->check(whole_number(0, util::kMostThreads))
      ->capture_default_str();
}

void add_overwrite(CLI::App* command, util::Overwrite& overwrite) {
  command->add_flag_callback(
      "--overwrite", [&overwrite] { overwrite = util::Overwrite::kAny; },
      "Overwrite existing files even if superpose did not write them or they were changed since");
}

void check_values(const CLI::App& command) {
  constexpr std::array<std::string_view, 2> kMayBeEmpty = {"prompt", "--separator"};
  // "folder": where `superpose export` writes.
  constexpr std::array<std::string_view, 5> kWritten = {"--out", "--json", "--records", "--export",
                                                        "folder"};
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_name();
    for (const std::string& value : option->results()) {
      if (value.empty() && !holds(kMayBeEmpty, name)) {
        throw CLI::ValidationError(name, "must not be empty");
      }
      if (value == "-" && holds(kWritten, name)) {
        throw CLI::ValidationError(name, "must name what is written, not standard output, got -");
      }
    }
  }
  for (const CLI::App* chosen : command.get_subcommands()) check_values(*chosen);
}

}  // namespace superpose::cli
