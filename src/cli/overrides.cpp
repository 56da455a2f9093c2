#include "cli/overrides.h"

#include <string_view>

#include "util/error.h"

namespace superpose::cli {
namespace {

// The part of "--a.b=value" before "=", without the dashes; empty when the argument is not a recipe
// key.
std::string recipe_key(std::string_view argument) {
  if (!argument.starts_with("--")) return {};
  const std::string_view name = argument.substr(2, argument.find('=') - 2);
  const bool is_key = name.find('.') != std::string_view::npos || name == "phases" ||
                      name == "validation" || name == "mixture";
  return is_key ? std::string(name) : std::string();
}

}  // namespace

std::vector<config::Override> take_overrides(std::vector<std::string>& arguments) {
  std::vector<config::Override> overrides;
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {  // what follows belongs to another program
      rest.insert(rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
      break;
    }
    const std::string key = recipe_key(argument);
    if (key.empty()) {
      rest.push_back(argument);
    } else if (const std::size_t equals = argument.find('='); equals != std::string::npos) {
      overrides.push_back({key, argument.substr(equals + 1)});
    } else {
      util::require(i + 1 < arguments.size(), "--", key, ": needs a value");
      overrides.push_back({key, arguments[++i]});
    }
  }
  arguments = std::move(rest);
  return overrides;
}

std::string command_line(const std::string& command, const std::string& recipe,
                         const std::vector<config::Override>& overrides) {
  std::string text = "superpose " + command + " " + recipe;
  for (const config::Override& override : overrides) {
    text += " --" + override.key + " '" + override.value + "'";
  }
  return text;
}

}  // namespace superpose::cli
