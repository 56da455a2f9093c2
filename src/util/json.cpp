#include "util/json.h"

#include "util/error.h"

namespace superpose::util {

Json parse_json(std::string_view text, std::string_view who) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    fail(who, ": not valid JSON at byte ", error.byte, ": ", error.what());
  }
}

}  // namespace superpose::util
