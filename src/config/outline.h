// What a visitable struct holds, as text: the common ground of every way to print a recipe.
#pragma once

#include <algorithm>
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

#include "util/setting.h"

namespace superpose::config {

// What a key of [data] decides, said where it is visited. kCorpus: which ids a prepared corpus
// holds. kOrder: which rows are read from it, and when. kNone: neither.
enum class DataRole { kNone, kCorpus, kOrder };

struct Entry {
  enum class Kind { kLeaf, kSection, kList };

  Kind kind = Kind::kLeaf;
  std::string name;
  std::string doc;
  std::string value;         // leaf: TOML text
  bool operational = false;  // may change at resume; a list: as each of its keys may
  bool added = false;        // no setting while at its default, see config.h
  bool at_default = false;   // of an added entry
  DataRole role = DataRole::kNone;
  std::vector<std::string> choices;  // leaf: the names allowed, if it is a choice
  std::vector<Entry> children;       // section: its keys; list: one nameless section per element
  std::vector<Entry> element_keys;   // list: the keys of a default element
};

// TOML text of each type that a recipe key may have.
std::string leaf_text(bool value);
std::string leaf_text(std::int64_t value);
std::string leaf_text(double value);
std::string leaf_text(const std::string& value);
std::string leaf_text(const std::vector<double>& values);
std::string leaf_text(const std::vector<std::int64_t>& values);
std::string leaf_text(const std::vector<std::string>& values);
std::string leaf_text(const std::optional<std::int64_t>& value);
std::string leaf_text(const std::optional<double>& value);
std::string leaf_text(const std::map<std::string, std::string>& values);
std::string choice_text(std::size_t index, std::span<const std::string_view> names);

// Visitor that collects the entries of one struct.
class Outliner {
 public:
  Outliner& added() {
    next_is_added_ = true;
    return *this;
  }
  Outliner& corpus() { return next_has(DataRole::kCorpus); }
  Outliner& order() { return next_has(DataRole::kOrder); }

  template <class Value>
  void field(std::string_view name, const Value& value, std::string_view doc) {
    add(Entry::Kind::kLeaf, name, doc).value = leaf_text(value);
  }

  template <class Value>
  void operational(std::string_view name, const Value& value, std::string_view doc) {
    field(name, value, doc);
    entries_.back().operational = true;
  }

  template <class Enum, std::size_t N>
  void choice(std::string_view name, const Enum& value,
              const std::array<std::string_view, N>& names, std::string_view doc) {
    Entry& entry = add(Entry::Kind::kLeaf, name, doc);
    entry.value = choice_text(static_cast<std::size_t>(value), names);
    entry.choices.assign(names.begin(), names.end());
  }

  template <class Section>
  void section(std::string_view name, const Section& section, std::string_view doc) {
    add(Entry::Kind::kSection, name, doc).children = outline(section);
  }

  template <class Element>
  void list(std::string_view name, const std::vector<Element>& elements, std::string_view doc) {
    Entry& entry = add(Entry::Kind::kList, name, doc);
    entry.element_keys = outline(Element{});
    entry.operational = std::all_of(entry.element_keys.begin(), entry.element_keys.end(),
                                    [](const Entry& key) { return key.operational; });
    for (const Element& element : elements) {
      Entry& child = entry.children.emplace_back();
      child.kind = Entry::Kind::kSection;
      child.children = outline(element);
    }
  }

  template <class Struct>
  static std::vector<Entry> outline(const Struct& object) {
    std::vector<Entry> entries = entries_of(object);
    mark_defaults(entries, entries_of(Struct{}));
    return entries;
  }

 private:
  template <class Struct>
  static std::vector<Entry> entries_of(const Struct& object) {
    Outliner outliner;
    Struct::visit(object, outliner);
    return std::move(outliner.entries_);
  }

  // `defaults` holds the same entries of a default struct.
  static void mark_defaults(std::vector<Entry>& entries, const std::vector<Entry>& defaults);

  Entry& add(Entry::Kind kind, std::string_view name, std::string_view doc) {
    Entry& entry = entries_.emplace_back();
    entry.kind = kind;
    entry.name = name;
    entry.doc = doc;
    entry.added = std::exchange(next_is_added_, false);
    entry.role = std::exchange(next_role_, DataRole::kNone);
    return entry;
  }

  Outliner& next_has(DataRole role) {
    next_role_ = role;
    return *this;
  }

  std::vector<Entry> entries_;
  bool next_is_added_ = false;
  DataRole next_role_ = DataRole::kNone;
};

// The role of a struct's own key, without sections; kNone for a key that it does not have.
template <class Struct>
DataRole role_of(std::string_view key) {
  for (const Entry& entry : Outliner::outline(Struct{})) {
    if (entry.name == key) return entry.role;
  }
  return DataRole::kNone;
}

// One key that a recipe may hold: "optim.learning_rate", "phases[].share".
struct KnownKey {
  std::string pattern;
  bool takes_value = true;   // a plain value or a list
  bool takes_table = false;  // a table; a list of tables takes both
};

std::vector<KnownKey> known_keys(std::span<const Entry> root);
std::vector<util::Setting> outline_settings(std::span<const Entry> root);
std::string outline_toml(std::span<const Entry> root);
std::string outline_description(std::span<const Entry> root);

}  // namespace superpose::config
