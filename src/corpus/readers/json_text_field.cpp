#include "corpus/readers/json_text_field.h"

#include <simdjson.h>

#include <string_view>
#include <utility>
#include <vector>

#include "corpus/readers/json_taming.h"
#include "util/error.h"

namespace superpose::corpus {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

using Problem = std::optional<std::string>;

std::vector<std::string> split_path(const std::string& field) {
  std::vector<std::string> keys;
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = field.find('.', begin);
    keys.push_back(field.substr(begin, dot - begin));
    util::require(!keys.back().empty(), "text_field: must be names with dots between them, got \"",
                  field, "\"");
    if (dot == field.npos) return keys;
    begin = dot + 1;
  }
}

const char* type_name(element_type type) {
  switch (type) {
    case element_type::ARRAY:
      return "an array";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a bool";
    case element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

}  // namespace

struct JsonTextField::Parser {
  explicit Parser(std::string path) : field(std::move(path)), keys(split_path(field)) {}

  std::string field;
  std::vector<std::string> keys;
  simdjson::dom::parser parser;

  simdjson::error_code parse(std::string& line, element& value) {
    // The parser reads beyond the end; with room behind the line it needs no copy.
    line.reserve(line.size() + simdjson::SIMDJSON_PADDING);
    const simdjson::error_code code = parser.parse(line).get(value);
    util::require(code != simdjson::MEMALLOC, "no memory for a line of ", line.size(), " bytes");
    return code;
  }

  // The text of a record that was parsed with this outcome.
  Problem take(simdjson::error_code code, element value, std::string& text) const {
    if (code != simdjson::SUCCESS) {
      return std::string("not valid JSON: ") + simdjson::error_message(code);
    }
    for (const std::string& key : keys) {
      if (Problem problem = descend(value, key)) return problem;
    }
    std::string_view found;
    if (value.get(found) != simdjson::SUCCESS) {
      return "field \"" + field + "\" must be a string, got " + type_name(value.type());
    }
    text.assign(found);
    return std::nullopt;
  }

  Problem descend(element& value, const std::string& key) const {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) {
      return "expected an object that holds \"" + key + "\" of field \"" + field + "\", got " +
             type_name(value.type());
    }
    int found = 0;
    for (const auto& [name, member] : object) {
      if (name != key) continue;
      value = member;
      ++found;
    }
    if (found == 0) return "no field \"" + field + "\"";
    if (found == 1) return std::nullopt;
    return "\"" + key + "\" of field \"" + field + "\" must occur once, got " +
           std::to_string(found);
  }

  // A text that depends on what stands in for half a surrogate pair holds one.
  Problem extract_tamed(const std::string& line, std::string& text) {
    std::string other;
    for (std::string* result : {&text, &other}) {
      std::string tamed = line;
      tame_json(tamed, result == &text ? "fffd" : "003f");
      element value;
      const simdjson::error_code code = parse(tamed, value);
      if (Problem problem = take(code, value, *result)) return problem;
    }
    if (text == other) return std::nullopt;
    return "field \"" + field + "\" must hold whole surrogate pairs, got half";
  }
};

JsonTextField::JsonTextField(std::string path)
    : parser_(std::make_unique<Parser>(std::move(path))) {}

JsonTextField::~JsonTextField() = default;

std::optional<std::string> JsonTextField::extract(std::string& line, std::string& text) {
  element value;
  const simdjson::error_code code = parser_->parse(line, value);
  // What is refused may be harmless.
  const bool may_be_tamed = code == simdjson::NUMBER_ERROR || code == simdjson::STRING_ERROR ||
                            code == simdjson::TAPE_ERROR;
  return may_be_tamed ? parser_->extract_tamed(line, text) : parser_->take(code, value, text);
}

std::size_t JsonTextField::most_bytes() {
  return simdjson::SIMDJSON_MAXSIZE_BYTES - simdjson::SIMDJSON_PADDING;
}

}  // namespace superpose::corpus
