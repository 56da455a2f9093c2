#include "util/json.h"

#include "util/error.h"

namespace superpose::util {

Json parse_json(std::string_view text, std::string_view who) {
  // The parser takes a zero byte for the end of the text and would not look at what follows.
  const std::size_t zero = text.find('\0');
  require(zero == std::string_view::npos, who, ": not valid JSON: zero byte at byte ", zero);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    fail(who, ": not valid JSON at byte ", error.byte, ": ", error.what());
  } catch (const Json::exception& error) {  // a number that no double holds
    fail(who, ": not valid JSON: ", error.what());
  }
}

}  // namespace superpose::util
