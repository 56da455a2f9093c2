// From a tree of TOML values into a visitable struct.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/node.h"
#include "config/outline.h"
#include "config/synonyms.h"
#include "util/error.h"

namespace superpose::config {

// Each assigns the value of `node` to `target` or throws util::Error naming origin, key, what is
// expected and what is there. Only an integer given for a double is converted.
void read_leaf(const Node& node, const std::string& key, bool& target);
void read_leaf(const Node& node, const std::string& key, std::int64_t& target);
void read_leaf(const Node& node, const std::string& key, double& target);
void read_leaf(const Node& node, const std::string& key, std::string& target);
void read_leaf(const Node& node, const std::string& key, std::vector<double>& target);
void read_leaf(const Node& node, const std::string& key, std::vector<std::int64_t>& target);
void read_leaf(const Node& node, const std::string& key, std::vector<std::string>& target);
void read_leaf(const Node& node, const std::string& key, std::optional<std::int64_t>& target);
void read_leaf(const Node& node, const std::string& key, std::optional<double>& target);
// Nested tables become dotted keys: {optim = {eps = 1}} and {"optim.eps" = 1} are the same.
void read_leaf(const Node& node, const std::string& key,
               std::map<std::string, std::string>& target);
std::size_t read_choice(const Node& node, const std::string& key,
                        std::span<const std::string_view> names, const Synonyms& synonyms);

// What one call of config::read knows: the keys that there are, and which were given where.
class ReadLog {
 public:
  ReadLog(std::vector<KnownKey> known, const Synonyms& synonyms)
      : known_(std::move(known)), synonyms_(synonyms) {}

  const Synonyms& synonyms() const { return synonyms_; }

  void note(const std::string& key, const std::string& origin) { origins_[key] = origin; }

  // What was noted of the elements of `list` is void: another list replaces it.
  void forget_elements(const std::string& list);

  // Names the valid key nearest to `key`.
  [[noreturn]] void fail_unknown(const Node& node, const std::string& key) const;

  // `node` stands where a list of tables must; a table may be meant for the section that has its
  // first key.
  [[noreturn]] void fail_no_list(const Node& node, const std::string& key) const;

  // Puts the origin of the offending key, where it was given, before a message of validate().
  // `section` is the path of the struct that complained; its message may name a key in full or
  // relative to itself.
  [[noreturn]] void fail_invalid(const std::string& section, const std::string& message) const;

 private:
  std::string nearest_key(const std::string& key, bool is_table) const;

  std::vector<KnownKey> known_;
  Synonyms synonyms_;
  std::map<std::string, std::string> origins_;
};

// Visitor that assigns what one table holds and leaves the rest of the struct as it is.
class Reader {
 public:
  // Throws util::Error unless `node` is a table.
  Reader(const Node& node, std::string path, ReadLog& log);

  Reader& added() { return *this; }
  Reader& corpus() { return *this; }
  Reader& order() { return *this; }

  template <class Value>
  void field(std::string_view name, Value& value, std::string_view /*doc*/) {
    if (const Node* node = take(name)) read_leaf(*node, path_of(name), value);
  }

  template <class Value>
  void operational(std::string_view name, Value& value, std::string_view doc) {
    field(name, value, doc);
  }

  template <class Enum, std::size_t N>
  void choice(std::string_view name, Enum& value, const std::array<std::string_view, N>& names,
              std::string_view /*doc*/) {
    if (const Node* node = take(name)) {
      value = static_cast<Enum>(read_choice(*node, path_of(name), names, log_.synonyms()));
    }
  }

  template <class Section>
  void section(std::string_view name, Section& section, std::string_view /*doc*/) {
    if (const Node* node = take(name)) read_struct(*node, path_of(name), log_, section);
  }

  // A list replaces the whole vector; one indexed element ("phases[1].share" on the command line)
  // is changed in place.
  template <class Element>
  void list(std::string_view name, std::vector<Element>& elements, std::string_view /*doc*/) {
    const std::string path = path_of(name);
    if (const Node* node = take(name)) {
      elements.clear();
      log_.forget_elements(path);
      for (const Node& item : items_of(*node, path, log_)) {
        const std::string element = path + "[" + std::to_string(elements.size()) + "]";
        log_.note(element, item.origin);
        read_struct(item, element, log_, elements.emplace_back());
      }
    }
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const std::string indexed = std::string(name) + "[" + std::to_string(i) + "]";
      if (const Node* node = take(indexed)) read_struct(*node, path_of(indexed), log_, elements[i]);
    }
    check_indices(name, elements.size());
  }

  // Throws util::Error where the table holds a key that no field of `target` has.
  template <class Struct>
  static void read_struct(const Node& node, const std::string& path, ReadLog& log, Struct& target) {
    Reader reader(node, path, log);
    Struct::visit(target, reader);
    reader.check_all_taken();
  }

 private:
  // The member of that name, or null; it counts as known from then on.
  const Node* take(std::string_view name);
  std::string path_of(std::string_view name) const;
  static const Array& items_of(const Node& node, const std::string& key, const ReadLog& log);
  // Throws util::Error where an element beyond the list's end is named.
  void check_indices(std::string_view name, std::size_t size) const;
  void check_all_taken() const;

  const Table& table_;
  std::string path_;
  ReadLog& log_;
  std::vector<bool> taken_;
};

// Visitor that calls validate() of every struct that has one, inner ones first.
class Validator {
 public:
  Validator(std::string path, const ReadLog& log) : path_(std::move(path)), log_(log) {}

  Validator& added() { return *this; }
  Validator& corpus() { return *this; }
  Validator& order() { return *this; }

  template <class Value>
  void field(std::string_view, const Value&, std::string_view) {}
  template <class Value>
  void operational(std::string_view, const Value&, std::string_view) {}
  template <class Enum, std::size_t N>
  void choice(std::string_view, const Enum&, const std::array<std::string_view, N>&,
              std::string_view) {}

  template <class Section>
  void section(std::string_view name, const Section& section, std::string_view) {
    validate_struct(path_.empty() ? std::string(name) : path_ + "." + std::string(name), log_,
                    section);
  }

  template <class Element>
  void list(std::string_view name, const std::vector<Element>& elements, std::string_view doc) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      section(std::string(name) + "[" + std::to_string(i) + "]", elements[i], doc);
    }
  }

  template <class Struct>
  static void validate_struct(const std::string& path, const ReadLog& log, const Struct& object) {
    Validator validator(path, log);
    Struct::visit(object, validator);
    if constexpr (requires { object.validate(); }) {
      try {
        object.validate();
      } catch (const util::Error& error) {
        log.fail_invalid(path, error.what());
      }
    }
  }

 private:
  std::string path_;
  const ReadLog& log_;
};

// A tree that holds one value under a dotted key: "train.steps", "phases[1].share".
Node nest(const std::string& key, Node value);

}  // namespace superpose::config
