#include "cli/option_checks.h"

#include <algorithm>
#include <charconv>

#include "config/synonyms.h"
#include "experiment/recipe_names.h"
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

}  // namespace

CLI::Validator at_least(std::int64_t least) {
  const auto check = [least](std::string& text) {
    std::int64_t value = least;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value < least ? "must be >= " + std::to_string(least) + ", got " + text : std::string();
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

}  // namespace superpose::cli
