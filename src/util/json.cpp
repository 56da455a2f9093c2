#include "util/json.h"

#include "util/error.h"
#include "util/text.h"

namespace superpose::util {
namespace {

// Whether arrays and objects are nested deeper than kDeepestJson.
bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepestJson) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view who) {
  // The parser takes a zero byte for the end of the text and would not look at what follows.
  const std::size_t zero = text.find('\0');
  require(zero == std::string_view::npos, who, ": not valid JSON: zero byte at byte ", zero);
  require(!is_too_deep(text), who, ": JSON is nested deeper than ", kDeepestJson);
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    fail(who, ": ", not_json(error));
  }
}

// The library's text is "[json.exception.parse_error.101] parse error at line 1, column 5: syntax
// error while parsing value - invalid literal; last read: 'x'".
std::string not_json(const nlohmann::json::exception& error) {
  std::string text = error.what();
  std::string place;
  if (const std::size_t mark = text.find("] "); mark != text.npos) text.erase(0, mark + 2);
  if (const auto* parsing = dynamic_cast<const nlohmann::json::parse_error*>(&error)) {
    place = " at byte " + std::to_string(parsing->byte);
    if (const std::size_t colon = text.find(": "); colon != text.npos) text.erase(0, colon + 2);
  }
  // A token may be as long as the file.
  constexpr std::string_view kRead = "; last read: '";
  if (const std::size_t read = text.find(kRead); read != text.npos) {
    const std::size_t end = text.rfind('\'');
    if (end - read > kRead.size() + 40) text.erase(read, end + 1 - read);
  }
  return "not valid JSON" + place + ": " + text;
}

std::string shown(const Json& value) {
  return shortened(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace superpose::util
