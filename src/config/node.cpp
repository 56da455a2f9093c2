#include "config/node.h"

#include <algorithm>
#include <array>

#include "util/error.h"
#include "util/text.h"

namespace superpose::config {
namespace {

// In the order of the variant.
constexpr std::array<std::string_view, 7> kKinds = {
    "a boolean", "an integer", "a number", "a string", "a list", "a table", "a date"};

bool is_bare_key(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

struct InlineWriter {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return util::format_double(value); }
  std::string operator()(const std::string& value) const { return inline_text(value); }
  std::string operator()(const Array& items) const {
    std::vector<std::string> parts;
    for (const Node& item : items) parts.push_back(inline_text(item));
    return "[" + util::join(parts, ", ") + "]";
  }
  std::string operator()(const Table& members) const {
    std::vector<std::string> parts;
    for (const Member& member : members) {
      parts.push_back(key_text(member.name) + " = " + inline_text(member.node));
    }
    return "{" + util::join(parts, ", ") + "}";
  }
  std::string operator()(const Date&) const { return "a date"; }
};

}  // namespace

std::string kind_of(const Node& node) { return std::string(kKinds[node.value.index()]); }

std::string inline_text(const Node& node) { return std::visit(InlineWriter{}, node.value); }

std::string inline_text(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += "\\u00";
      quoted += kDigits[byte >> 4];
      quoted += kDigits[byte & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string key_text(const std::string& name) {
  return is_bare_key(name) ? name : inline_text(std::string_view(name));
}

void fail_at(std::string_view origin, std::string_view key, std::string_view message) {
  if (origin.empty()) util::fail(key, ": ", message);
  if (origin.starts_with("--") && origin.substr(2) == key) util::fail("--", key, ": ", message);
  util::fail(origin, ": ", key, ": ", message);
}

}  // namespace superpose::config
