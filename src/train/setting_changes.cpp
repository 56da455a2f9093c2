#include "train/setting_changes.h"

#include <cstddef>
#include <map>
#include <string_view>

namespace superpose::train {
namespace {

using Leaves = std::map<std::string, std::string>;

// Where `separator` stands outside of quotes and brackets; npos where it does not.
std::size_t find_outside(std::string_view text, char separator) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == separator && depth == 0 && !quoted) return at;
    if (quoted && c == '\\') ++at;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
  }
  return std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The items of "[a, b]" or "{a, b}".
std::vector<std::string_view> items_of(std::string_view text) {
  std::vector<std::string_view> items;
  for (std::string_view rest = text.substr(1, text.size() - 2); !trimmed(rest).empty();) {
    const std::size_t comma = find_outside(rest, ',');
    items.push_back(trimmed(rest.substr(0, comma)));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return items;
}

// The plain values in a setting's value, as config::settings writes it, by key.
void add_leaves(const std::string& key, std::string_view text, Leaves& leaves) {
  const bool is_list = text.starts_with('[');
  if (!is_list && !text.starts_with('{')) {
    leaves[key] = text;
    return;
  }
  std::size_t index = 0;
  for (const std::string_view item : items_of(text)) {
    if (is_list) {
      add_leaves(key + "[" + std::to_string(index++) + "]", item, leaves);
      continue;
    }
    const std::size_t equals = find_outside(item, '=');
    add_leaves(key + "." + std::string(trimmed(item.substr(0, equals))),
               trimmed(item.substr(equals + 1)), leaves);
  }
}

Leaves fixed_leaves(const std::vector<util::Setting>& settings) {
  Leaves leaves;
  for (const util::Setting& setting : settings) {
    if (!setting.operational) add_leaves(setting.key, setting.value, leaves);
  }
  return leaves;
}

}  // namespace

std::vector<std::string> setting_changes(const std::vector<util::Setting>& checkpoint,
                                         const std::vector<util::Setting>& recipe) {
  const Leaves before = fixed_leaves(checkpoint);
  const Leaves now = fixed_leaves(recipe);
  std::vector<std::string> changes;
  for (const auto& [key, value] : before) {
    const auto found = now.find(key);
    if (found == now.end()) {
      changes.push_back(key + " (checkpoint " + value + ", not in the recipe)");
    } else if (found->second != value) {
      changes.push_back(key + " (checkpoint " + value + ", recipe " + found->second + ")");
    }
  }
  for (const auto& [key, value] : now) {
    if (!before.contains(key)) {
      changes.push_back(key + " (not in the checkpoint, recipe " + value + ")");
    }
  }
  return changes;
}

}  // namespace superpose::train
