#include "experiment/grid.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>
#include <variant>

#include "config/node.h"
#include "util/error.h"

namespace superpose::experiment {
namespace {

constexpr std::string_view kPhases = "phases.";

GridAxis read_axis(const std::string& key, const std::string& text) {
  const config::Node node = config::parse_value("compare.grid", text);
  const auto* items = std::get_if<config::Array>(&node.value);
  util::require(items != nullptr && !items->empty(), "compare.grid: ", key,
                " must be a list of values, got ", text);
  GridAxis axis{.key = key, .values = {}};
  for (const config::Node& item : *items) {
    const std::string value = config::inline_text(item);
    util::require(std::find(axis.values.begin(), axis.values.end(), value) == axis.values.end(),
                  "compare.grid: ", key, ": a value is listed twice, got ", value);
    axis.values.push_back(value);
  }
  return axis;
}

// "phases.share" -> "phases[1].share" where the second phase is the one with bags.
std::string override_key(const std::string& key, const ArmConfig& arm,
                         const std::vector<superposition::PhaseConfig>& phases) {
  if (!key.starts_with(kPhases)) return key;
  std::vector<std::size_t> with_bags;
  for (std::size_t i = 0; i < phases.size(); ++i) {
    if (phases[i].bag_size > 1 || phases[i].target_size.value_or(1) > 1) with_bags.push_back(i);
  }
  util::require(with_bags.size() == 1, "compare.grid: ", key,
                " is of an arm's one phase with bags, and arm ", arm.name, " has ",
                with_bags.size(), ": name the phase, such as \"phases[0].",
                key.substr(kPhases.size()), "\"");
  return "phases[" + std::to_string(with_bags.front()) + "]." + key.substr(kPhases.size());
}

// As a part of a name: "\"e^-x\"" -> "e_-x".
std::string name_of(const std::string& value) {
  std::string name;
  for (const char c : value) {
    if (c == '"') continue;
    const bool is_allowed =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-';
    name += is_allowed ? c : '_';
  }
  return name;
}

ArmChoice with_value(ArmChoice choice, const std::string& key, const std::string& value) {
  choice.config.name += "-" + key.substr(key.rfind('.') + 1) + "-" + name_of(value);
  choice.config.overrides[key] = value;
  choice.grid_values.push_back(value);
  return choice;
}

}  // namespace

std::vector<GridAxis> read_grid(const std::map<std::string, std::string>& grid) {
  std::vector<GridAxis> axes;
  for (const auto& [key, text] : grid) axes.push_back(read_axis(key, text));
  return axes;
}

std::vector<ArmChoice> apply_grid(const ArmConfig& arm,
                                  const std::vector<superposition::PhaseConfig>& phases,
                                  const std::vector<GridAxis>& axes) {
  std::vector<ArmChoice> choices = {{arm, {}}};
  for (const GridAxis& axis : axes) {
    const std::string key = override_key(axis.key, arm, phases);
    util::require(!choices.front().config.overrides.contains(key), "compare.grid: ", axis.key,
                  ": arm ", arm.name, " has ", key, " already");
    std::vector<ArmChoice> longer;
    for (const ArmChoice& choice : choices) {
      for (const std::string& value : axis.values) longer.push_back(with_value(choice, key, value));
    }
    choices = std::move(longer);
  }
  return choices;
}

}  // namespace superpose::experiment
