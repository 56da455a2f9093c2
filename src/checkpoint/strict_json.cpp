#include "checkpoint/strict_json.h"

#include <set>
#include <vector>

#include "util/error.h"
#include "util/json.h"

namespace superpose::checkpoint {

nlohmann::json parse_strict_object(std::string_view text, const std::string& who, int max_depth) {
  using Event = nlohmann::json::parse_event_t;
  // The parser takes a zero byte for the end and would not see what stands behind it.
  util::require(text.find('\0') == text.npos, who, ": not valid JSON: zero byte at ",
                text.find('\0'));
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, Event event, nlohmann::json& value) {
    // The depth counts what is open around the event's own object or array.
    util::require(depth < max_depth || event == Event::key || event == Event::value, who,
                  ": JSON is nested deeper than ", max_depth);
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      util::require(keys.back().insert(key).second, who, ": key ", key, " occurs twice");
    }
    return true;
  };
  nlohmann::json result;
  try {
    result = nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    util::fail(who, ": ", util::not_json(error));
  }
  util::require(result.is_object(), who, ": expected a JSON object");
  return result;
}

}  // namespace superpose::checkpoint
