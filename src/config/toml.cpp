// The only file that sees toml++: its headers are large.
#include <toml++/toml.h>

#include "config/node.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::config {
namespace {

std::string at_line(std::string_view file_name, const toml::source_region& source) {
  return std::string(file_name) + ":" + std::to_string(source.begin.line);
}

// `place` makes an origin of a source region; `origin` is the one of this node.
template <class Place>
Node convert(const toml::node& from, std::string origin, const Place& place) {
  Node to{.value = Date{}, .origin = std::move(origin), .typed = std::nullopt};
  if (const auto* boolean = from.as_boolean()) {
    to.value = boolean->get();
  } else if (const auto* integer = from.as_integer()) {
    to.value = integer->get();
  } else if (const auto* number = from.as_floating_point()) {
    to.value = number->get();
  } else if (const auto* text = from.as_string()) {
    to.value = text->get();
  } else if (const auto* array = from.as_array()) {
    Array items;
    for (const toml::node& item : *array) {
      items.push_back(convert(item, place(item.source()), place));
    }
    to.value = std::move(items);
  } else if (const auto* table = from.as_table()) {
    Table members;
    for (auto&& [key, node] : *table) {
      members.push_back({std::string(key.str()), convert(node, place(key.source()), place)});
    }
    to.value = std::move(members);
  }
  return to;
}

// Empty where `text` is not the right-hand side of exactly one TOML line.
std::optional<Node> try_value(const std::string& origin, const std::string& text) {
  try {
    const toml::table table = toml::parse("value = " + text);
    if (table.size() != 1 || !table.contains("value")) return std::nullopt;
    return convert(*table.get("value"), origin, [&](const auto&) { return origin; });
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

}  // namespace

Node parse_toml(std::string_view file_name, std::string_view toml_text) {
  try {
    const toml::table table = toml::parse(toml_text, file_name);
    return convert(table, std::string(file_name),
                   [&](const toml::source_region& source) { return at_line(file_name, source); });
  } catch (const toml::parse_error& error) {
    util::fail(at_line(file_name, error.source()), ": not valid TOML: ", error.description());
  }
}

Node parse_value(const std::string& origin, const std::string& text) {
  std::optional<Node> node = try_value(origin, text);
  if (!node) {
    util::require(try_value(origin, inline_text(text)).has_value(), origin,
                  ": must be valid UTF-8, got ", text.size(), " bytes that are not");
    node = Node{.value = text, .origin = origin, .typed = std::nullopt};
  }
  node->typed = text;
  return *std::move(node);
}

}  // namespace superpose::config
