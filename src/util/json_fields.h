// Plain structs as JSON objects, and back. A struct lists its fields once, for writing and for
// reading:
//
//   template <class Self, class Visitor>
//   static void visit(Self& self, Visitor& v) {
//     v.required("step", self.step);
//     v.optional("text", self.text);              // keeps its value where the object lacks it
//     v.unless_empty("slots", self.slots);        // a list or text, left out where it is empty
//     v.choice("event", self.kind, kEventNames);  // enum class, values 0, 1, ...; required
//     v.group("data", [&](auto& data) {           // an object around some of the fields
//       data.required("lanes", self.lanes);
//     });
//   }
//
// Types:
//
//   bool, std::int64_t, double, std::string
//   std::uint64_t           a hash, as hexadecimal text
//   std::optional of these  left out where it is empty
//   visitable structs
//   std::vector of these
//   std::vector of pairs    of strings, or of a string and a number: as an object
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "util/error.h"
#include "util/hash.h"
#include "util/json.h"

namespace superpose::util {

using TextPairs = std::vector<std::pair<std::string, std::string>>;
using NumberPairs = std::vector<std::pair<std::string, double>>;

// Adds a struct's fields to an object, in the order of its visit.
class JsonWriter {
 public:
  explicit JsonWriter(Json& out) : out_(out) {}

  template <class T>
  void required(const char* name, const T& value) {
    out_[name] = encode(value);
  }
  template <class T>
  void optional(const char* name, const T& value) {
    required(name, value);
  }
  template <class T>
  void optional(const char* name, const std::optional<T>& value) {
    if (value) required(name, *value);
  }
  template <class T>
  void unless_empty(const char* name, const T& values) {
    if (!values.empty()) required(name, values);
  }
  template <class Enum, class Names>
  void choice(const char* name, Enum value, const Names& names) {
    out_[name] = names.at(static_cast<std::size_t>(value));
  }
  template <class Fields>
  void group(const char* name, const Fields& fields) {
    Json object = Json::object();
    JsonWriter writer(object);
    fields(writer);
    out_[name] = std::move(object);
  }

 private:
  template <class T>
  static Json encode(const T& value) {
    if constexpr (std::is_same_v<T, std::uint64_t>) {
      return hex64(value);
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;
    } else {
      Json object = Json::object();
      JsonWriter writer(object);
      T::visit(value, writer);
      return object;
    }
  }
  template <class T>
  static Json encode(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) array.push_back(encode(value));
    return array;
  }
  static Json encode(const TextPairs& pairs);
  static Json encode(const NumberPairs& pairs);

  Json& out_;
};

// Sets a struct's fields from an object. Throws Error "<where>: missing field 'loss'" or
// "<where>: field 'loss': expected a number, got ...".
class JsonReader {
 public:
  // `in` outlives the reader.
  JsonReader(const Json& in, std::string where);

  template <class T>
  void required(const char* name, T& value) {
    decode(at(name), name, value);
  }
  template <class T>
  void optional(const char* name, T& value) {
    if (const Json* found = find(name)) decode(*found, name, value);
  }
  template <class T>
  void optional(const char* name, std::optional<T>& value) {
    if (const Json* found = find(name)) decode(*found, name, value.emplace());
  }
  template <class T>
  void unless_empty(const char* name, T& values) {
    optional(name, values);
  }
  template <class Enum, class Names>
  void choice(const char* name, Enum& value, const Names& names) {
    const Json& json = at(name);
    const auto found = std::find(names.begin(), names.end(), json);
    if (found == names.end()) wrong(name, one_of({names.begin(), names.end()}), json);
    value = static_cast<Enum>(found - names.begin());
  }
  template <class Fields>
  void group(const char* name, const Fields& fields) {
    JsonReader reader(at(name), where_ + ": " + name);
    fields(reader);
  }

 private:
  // The field, or null where there is none.
  const Json* find(const char* name) const;
  const Json& at(const char* name) const;
  [[noreturn]] void wrong(const char* name, const std::string& expected, const Json& got) const;
  static std::string one_of(const std::vector<std::string>& names);

  void decode(const Json& json, const char* name, std::string& value) const;
  void decode(const Json& json, const char* name, bool& value) const;
  void decode(const Json& json, const char* name, double& value) const;
  void decode(const Json& json, const char* name, std::int64_t& value) const;
  void decode(const Json& json, const char* name, std::uint64_t& value) const;
  void decode(const Json& json, const char* name, TextPairs& pairs) const;
  void decode(const Json& json, const char* name, NumberPairs& pairs) const;
  template <class T>
  void decode(const Json& json, const char* name, std::vector<T>& values) const {
    if (!json.is_array()) wrong(name, "a list", json);
    values.clear();
    for (const Json& item : json) {
      const std::string item_name = std::string(name) + "[" + std::to_string(values.size()) + "]";
      decode(item, item_name.c_str(), values.emplace_back());
    }
  }
  template <class T>
  void decode(const Json& json, const char* name, T& record) const {
    JsonReader reader(json, where_ + ": " + name);
    T::visit(record, reader);
  }

  const Json& in_;
  std::string where_;
};

template <class T>
Json fields_to_json(const T& object) {
  Json json = Json::object();
  JsonWriter writer(json);
  T::visit(object, writer);
  return json;
}

// Fields that are listed nowhere are ignored. `where` opens every error.
template <class T>
T fields_from_json(const Json& json, const std::string& where) {
  T object;
  JsonReader reader(json, where);
  T::visit(object, reader);
  return object;
}

}  // namespace superpose::util
