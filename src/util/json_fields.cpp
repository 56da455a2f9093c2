#include "util/json_fields.h"

#include <charconv>
#include <cmath>

namespace superpose::util {

Json JsonWriter::encode(const TextPairs& pairs) {
  Json object = Json::object();
  for (const auto& [name, text] : pairs) object[name] = text;
  return object;
}

Json JsonWriter::encode(const NumberPairs& pairs) {
  Json object = Json::object();
  for (const auto& [name, number] : pairs) object[name] = number;
  return object;
}

JsonReader::JsonReader(const Json& in, std::string where) : in_(in), where_(std::move(where)) {
  require(in.is_object(), where_, ": must be a JSON object, got ", in.type_name());
}

const Json* JsonReader::find(const char* name) const {
  const auto found = in_.find(name);
  return found == in_.end() || found->is_null() ? nullptr : &*found;
}

const Json& JsonReader::at(const char* name) const {
  const Json* found = find(name);
  require(found != nullptr, where_, ": missing field '", name, "'");
  return *found;
}

void JsonReader::wrong(const char* name, const std::string& expected, const Json& got) const {
  fail(where_, ": field '", name, "': expected ", expected, ", got ", shown(got));
}

// "resume, checkpoint or switch"
std::string JsonReader::one_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

void JsonReader::decode(const Json& json, const char* name, std::string& value) const {
  if (!json.is_string()) wrong(name, "text", json);
  value = json.get<std::string>();
}

void JsonReader::decode(const Json& json, const char* name, bool& value) const {
  if (!json.is_boolean()) wrong(name, "true or false", json);
  value = json.get<bool>();
}

void JsonReader::decode(const Json& json, const char* name, double& value) const {
  if (!json.is_number()) wrong(name, "a number", json);
  value = json.get<double>();
}

void JsonReader::decode(const Json& json, const char* name, std::int64_t& value) const {
  constexpr double kExactInteger = 9007199254740992.0;  // 2^53: a double beyond may not be whole
  if (json.is_number_float()) {                         // other trainers write 4096.0
    const double number = json.get<double>();
    if (std::trunc(number) != number || std::abs(number) > kExactInteger) {
      wrong(name, "a whole number", json);
    }
    value = static_cast<std::int64_t>(number);
    return;
  }
  if (!json.is_number_integer()) wrong(name, "a whole number", json);
  value = json.get<std::int64_t>();
}

void JsonReader::decode(const Json& json, const char* name, std::uint64_t& value) const {
  std::string text;
  decode(json, name, text);
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value, 16);
  if (text.empty() || error != std::errc() || read != end) wrong(name, "hexadecimal text", json);
}

void JsonReader::decode(const Json& json, const char* name, TextPairs& pairs) const {
  if (!json.is_object()) wrong(name, "an object of texts", json);
  pairs.clear();
  for (const auto& [key, text] : json.items()) {
    pairs.emplace_back(key, std::string());
    decode(text, key.c_str(), pairs.back().second);
  }
}

void JsonReader::decode(const Json& json, const char* name, NumberPairs& pairs) const {
  if (!json.is_object()) wrong(name, "an object of numbers", json);
  pairs.clear();
  for (const auto& [key, number] : json.items()) {
    pairs.emplace_back(key, 0.0);
    decode(number, key.c_str(), pairs.back().second);
  }
}

}  // namespace superpose::util
