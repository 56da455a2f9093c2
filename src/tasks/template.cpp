#include "tasks/template.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

#include "tasks/python_text.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::tasks {
namespace {

using util::Json;

constexpr std::array<std::string_view, 7> kPlainFilters{
    "strip", "strip_left", "strip_right", "capitalize", "spaces", "last_word", "but_last_word"};
constexpr std::array<std::string_view, 2> kTextFilters{"before", "after"};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What one step of a path, "choices" or "choices[0]", leads to within `json`.
const Json* find_step(const Json& json, std::string_view step) {
  const Json* found = &json;
  const std::size_t bracket = std::min(step.find('['), step.size());
  if (bracket > 0) {
    if (!json.is_object()) return nullptr;
    const auto member = json.find(std::string(step.substr(0, bracket)));
    if (member == json.end()) return nullptr;
    found = &*member;
  }
  step.remove_prefix(bracket);
  while (!step.empty()) {
    const std::size_t close = step.find(']');
    if (step.front() != '[' || close == step.npos || !found->is_array()) return nullptr;
    std::size_t index = 0;
    const auto read = std::from_chars(step.data() + 1, step.data() + close, index);
    const bool is_index = read.ec == std::errc{} && read.ptr == step.data() + close;
    if (!is_index || index >= found->size()) return nullptr;
    found = &(*found)[index];
    step.remove_prefix(close + 1);
  }
  return found;
}

std::optional<std::string> text_of(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_boolean()) return json.get<bool>() ? "True" : "False";
  if (json.is_number_integer()) return json.dump();
  if (json.is_number_float()) return util::format_double(json.get<double>());
  return std::nullopt;
}

const Json& field_of(const Row& row, std::string_view path) {
  const Json* field = find_field(row, path);
  util::require(field != nullptr, row.where, ": there is no field \"", path, "\"");
  return *field;
}

}  // namespace

const Json* find_field(const Row& row, std::string_view path) {
  const Json* found = &row.fields;
  while (found != nullptr) {
    const std::size_t dot = path.find('.');
    found = find_step(*found, path.substr(0, dot));
    if (dot == path.npos) break;
    path.remove_prefix(dot + 1);
  }
  return found;
}

std::string field_text(const Row& row, std::string_view path) {
  const Json& field = field_of(row, path);
  const std::optional<std::string> text = text_of(field);
  util::require(text.has_value(), row.where, ": field \"", path,
                "\" must hold a text or a number, got ", util::shown(field));
  return *text;
}

std::vector<std::string> field_texts(const Row& row, std::string_view path) {
  const Json& field = field_of(row, path);
  util::require(field.is_array(), row.where, ": field \"", path, "\" must hold a list, got ",
                util::shown(field));
  std::vector<std::string> texts;
  for (const Json& item : field) {
    const std::optional<std::string> text = text_of(item);
    util::require(text.has_value(), row.where, ": field \"", path,
                  "\" must hold texts or numbers, got ", util::shown(item));
    texts.push_back(*text);
  }
  return texts;
}

Template::Template(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      plain += c;
      continue;
    }
    if (text.substr(i + 1, 1) == text.substr(i, 1)) {
      plain += c;
      ++i;
      continue;
    }
    util::require(c == '{', "a closing brace without an opening one in \"", text,
                  "\"; }} stands for a brace");
    const std::size_t close = text.find('}', i);
    util::require(close != text.npos, "an opening brace that is not closed in \"", text,
                  "\"; {{ stands for a brace");
    if (!plain.empty()) parts_.emplace_back(std::exchange(plain, {}));
    parts_.emplace_back(parse_field(text.substr(i + 1, close - i - 1)));
    i = close;
  }
  if (!plain.empty()) parts_.emplace_back(std::move(plain));
}

Template::Field Template::parse_field(std::string_view text) {
  Field field;
  const std::string whole(text);
  std::size_t bar = text.find('|');
  field.path = std::string(text.substr(0, bar));
  util::require(!field.path.empty(), "{", whole, "} must name a field");
  while (bar != text.npos) {
    text.remove_prefix(bar + 1);
    bar = text.find('|');
    const std::string_view filter = text.substr(0, bar);
    const std::size_t colon = filter.find(':');
    const std::string_view name = filter.substr(0, colon);
    const std::string_view argument = colon == filter.npos ? "" : filter.substr(colon + 1);
    util::require(is_one_of(name, kPlainFilters) || is_one_of(name, kTextFilters), "{", whole,
                  "}: there is no filter \"", name, "\"");
    util::require(is_one_of(name, kTextFilters) == !argument.empty(), "{", whole, "}: filter \"",
                  name, is_one_of(name, kTextFilters) ? "\" needs a text" : "\" takes no text");
    field.filters.push_back({std::string(name), std::string(argument)});
  }
  return field;
}

std::string Template::apply(const Filter& filter, const std::string& text, const Row& row) {
  if (filter.name == "strip") return std::string(strip(text));
  if (filter.name == "strip_left") return std::string(strip_left(text));
  if (filter.name == "strip_right") return std::string(strip_right(text));
  if (filter.name == "capitalize") return capitalize(text);
  if (filter.name == "spaces") return replace_all(text, "_", " ");
  const std::size_t space = text.rfind(' ');
  if (filter.name == "last_word") return space == text.npos ? text : text.substr(space + 1);
  if (filter.name == "but_last_word") return space == text.npos ? "" : text.substr(0, space);
  const std::size_t found = text.find(filter.text);
  util::require(found != text.npos, row.where, ": there is no \"", filter.text, "\" in \"", text,
                "\"");
  return filter.name == "before" ? text.substr(0, found) : text.substr(found + filter.text.size());
}

std::string Template::render(const Row& row) const {
  std::string result;
  for (const auto& part : parts_) {
    if (const auto* plain = std::get_if<std::string>(&part)) {
      result += *plain;
      continue;
    }
    const Field& field = std::get<Field>(part);
    std::string text = field_text(row, field.path);
    for (const Filter& filter : field.filters) text = apply(filter, text, row);
    result += text;
  }
  return result;
}

}  // namespace superpose::tasks
