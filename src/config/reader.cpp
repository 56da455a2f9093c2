#include "config/reader.h"

#include <algorithm>
#include <cmath>

#include "util/text.h"

namespace superpose::config {
namespace {

// Kind and value; a long list or table is named by its kind alone.
std::string shown(const Node& node) {
  std::string text = inline_text(node);
  if (text.size() > 60) text = "one that is too long to show";
  return kind_of(node) + ": " + text;
}

[[noreturn]] void fail_type(const Node& node, const std::string& key, std::string_view expected) {
  fail_at(node.origin, key, "expected " + std::string(expected) + ", got " + shown(node));
}

template <class Value>
const Value* get(const Node& node) {
  return std::get_if<Value>(&node.value);
}

template <class Value>
void read_exact(const Node& node, const std::string& key, std::string_view expected,
                Value& target) {
  const Value* value = get<Value>(node);
  if (value == nullptr) fail_type(node, key, expected);
  target = *value;
}

template <class Value>
void read_list(const Node& node, const std::string& key, std::string_view expected,
               std::vector<Value>& target) {
  const Array* items = get<Array>(node);
  if (items == nullptr) fail_type(node, key, expected);
  std::vector<Value> values;
  for (std::size_t i = 0; i < items->size(); ++i) {
    read_leaf((*items)[i], key + "[" + std::to_string(i) + "]", values.emplace_back());
  }
  target = std::move(values);
}

// What the command line gives to a text key is taken as typed where it is not a TOML string: a
// folder may be named 2024.
const std::string* text_of(const Node& node) {
  if (const auto* text = get<std::string>(node)) return text;
  return node.typed ? &*node.typed : nullptr;
}

template <class Value>
void read_optional(const Node& node, const std::string& key, std::string_view expected,
                   std::optional<Value>& target) {
  if (const auto* text = get<std::string>(node)) {
    if (*text != "auto") fail_type(node, key, expected);
    target.reset();
    return;
  }
  Value value{};
  read_leaf(node, key, value);
  target = value;
}

void flatten(const Node& node, const std::string& prefix, std::map<std::string, std::string>& out) {
  const Table* table = get<Table>(node);
  if (table == nullptr) {
    out[prefix] = inline_text(node);
    return;
  }
  for (const Member& member : *table) {
    flatten(member.node, prefix.empty() ? member.name : prefix + "." + member.name, out);
  }
}

// "phases[3].share" -> "phases[].share"
std::string pattern_of(std::string_view key) {
  std::string pattern;
  bool inside = false;
  for (const char c : key) {
    if (c == ']') inside = false;
    if (!inside) pattern += c;
    if (c == '[') inside = true;
  }
  return pattern;
}

// Puts the indices of `key` into the brackets of `pattern`, as far as both name the same lists.
std::string with_indices(std::string pattern, const std::string& key) {
  std::size_t at = 0;
  while ((at = key.find('[', at)) != std::string::npos) {
    const std::size_t end = key.find(']', at);
    if (end == std::string::npos) break;
    if (pattern.compare(0, at + 2, pattern_of(key.substr(0, end + 1))) == 0 ||
        pattern.compare(0, at + 1, key, 0, at + 1) == 0) {
      pattern.insert(at + 1, key.substr(at + 1, end - at - 1));
    } else {
      break;
    }
    at = end;
  }
  return pattern;
}

std::pair<std::string, std::string> split_last(const std::string& key) {
  const std::size_t dot = key.rfind('.');
  if (dot == std::string::npos) return {"", key};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

// Whether `name` is `full` with letters left out after the first: "lr" or "learn_rate" for
// "learning_rate".
bool abbreviates(std::string_view name, std::string_view full) {
  if (name.empty() || full.empty() || name[0] != full[0]) return false;
  std::size_t used = 0;
  for (const char c : full) used += used < name.size() && name[used] == c ? 1 : 0;
  return used == name.size();
}

}  // namespace

void read_leaf(const Node& node, const std::string& key, bool& target) {
  read_exact(node, key, "true or false", target);
}

void read_leaf(const Node& node, const std::string& key, std::int64_t& target) {
  read_exact(node, key, "an integer", target);
}

void read_leaf(const Node& node, const std::string& key, double& target) {
  if (const auto* integer = get<std::int64_t>(node)) {
    target = static_cast<double>(*integer);
  } else {
    read_exact(node, key, "a number", target);
    // TOML has inf and nan; nothing that a recipe says can be either.
    if (!std::isfinite(target)) fail_type(node, key, "a finite number");
  }
}

void read_leaf(const Node& node, const std::string& key, std::string& target) {
  const std::string* text = text_of(node);
  if (text == nullptr) fail_type(node, key, "a string");
  target = *text;
}

void read_leaf(const Node& node, const std::string& key, std::vector<double>& target) {
  read_list(node, key, "a list of numbers", target);
}

void read_leaf(const Node& node, const std::string& key, std::vector<std::int64_t>& target) {
  read_list(node, key, "a list of integers", target);
}

void read_leaf(const Node& node, const std::string& key, std::vector<std::string>& target) {
  const auto* text = get<std::string>(node);
  if (text != nullptr && node.typed) {  // as a shell needs it
    fail_type(node, key, "a list of strings such as '[" + inline_text(*text) + "]'");
  }
  read_list(node, key, "a list of strings such as [\"a\", \"b\"]", target);
}

void read_leaf(const Node& node, const std::string& key, std::optional<std::int64_t>& target) {
  read_optional(node, key, "an integer or \"auto\"", target);
}

void read_leaf(const Node& node, const std::string& key, std::optional<double>& target) {
  read_optional(node, key, "a number or \"auto\"", target);
}

void read_leaf(const Node& node, const std::string& key,
               std::map<std::string, std::string>& target) {
  if (get<Table>(node) == nullptr) fail_type(node, key, "a table of recipe keys");
  std::map<std::string, std::string> values;
  flatten(node, "", values);
  target = std::move(values);
}

std::size_t read_choice(const Node& node, const std::string& key,
                        std::span<const std::string_view> names, const Synonyms& synonyms) {
  std::vector<std::string> quoted;
  for (const std::string_view name : names) quoted.push_back(inline_text(name));
  const std::string expected = "one of " + util::join(quoted, ", ");
  const std::string* text = text_of(node);
  if (text == nullptr) fail_type(node, key, expected);
  const auto found = std::find(names.begin(), names.end(), *text);
  if (found == names.end()) {
    const std::string got = inline_text(*text);
    const Synonym* synonym = find_synonym(*text, synonyms.choices);
    const bool is_known =
        synonym != nullptr && std::find(names.begin(), names.end(), synonym->meant) != names.end();
    const std::string nearest =
        is_known ? inline_text(synonym->meant) : util::nearest_name(got, quoted);
    const bool needs_more = is_known && !synonym->how.empty();
    fail_at(node.origin, key,
            "must be " + expected + ", got " + got +
                (needs_more ? ", the nearest is " + nearest + " " + std::string(synonym->how)
                            : ", did you mean " + nearest + "?"));
  }
  return static_cast<std::size_t>(found - names.begin());
}

// In this order: a synonym; the same name in another section; an abbreviation of a key of this
// section; the smallest edit distance.
std::string ReadLog::nearest_key(const std::string& key, bool is_table) const {
  const std::string pattern = pattern_of(key);
  const std::string section = split_last(pattern).first;
  const std::string name = plain_name(split_last(pattern).second);
  const std::string_view meant = meant_by(name, synonyms_.keys);
  std::vector<std::string> synonym;
  std::vector<std::string> same_name;
  std::vector<std::string> abbreviated;
  std::vector<std::string> all;
  for (const KnownKey& known : known_) {
    if (!(is_table ? known.takes_table : known.takes_value)) continue;
    const auto [known_section, known_name] = split_last(known.pattern);
    if (known.pattern == meant) synonym.push_back(known.pattern);
    if (known_name == name) same_name.push_back(known.pattern);
    if (known_section == section && abbreviates(name, known_name)) {
      abbreviated.push_back(known.pattern);
    }
    all.push_back(known.pattern);
  }
  for (const std::vector<std::string>& candidates : {synonym, same_name, abbreviated, all}) {
    if (!candidates.empty()) return with_indices(util::nearest_name(pattern, candidates), key);
  }
  return "";
}

void ReadLog::forget_elements(const std::string& list) {
  const std::string prefix = list + "[";
  auto it = origins_.lower_bound(prefix);
  while (it != origins_.end() && it->first.starts_with(prefix)) it = origins_.erase(it);
}

void ReadLog::fail_unknown(const Node& node, const std::string& key) const {
  const bool is_table = get<Table>(node) != nullptr;
  std::string nearest = nearest_key(key, is_table);
  if (nearest.empty()) nearest = nearest_key(key, !is_table);
  fail_at(node.origin, key,
          nearest.empty() ? "unknown key" : "unknown key, did you mean " + nearest + "?");
}

void ReadLog::fail_no_list(const Node& node, const std::string& key) const {
  std::string rule = "expected a list of tables ([[" + key + "]]), got " + shown(node);
  if (const Table* table = get<Table>(node); table != nullptr && !table->empty()) {
    const std::string nearest = nearest_key(key + "." + table->front().name, /*is_table=*/false);
    const std::string section = split_last(nearest).first;
    if (!section.empty() && section != key + "[]") {
      rule += ", did you mean [" + section + "] with " + nearest + "?";
    }
  }
  fail_at(node.origin, key, rule);
}

void ReadLog::fail_invalid(const std::string& section, const std::string& message) const {
  const std::size_t colon = message.find(':');
  if (colon == std::string::npos) util::fail(message);
  std::string key = message.substr(0, colon);
  const std::string in_section = section.empty() ? key : section + "." + key;
  const bool is_relative = std::any_of(known_.begin(), known_.end(), [&](const KnownKey& known) {
    return known.pattern == pattern_of(in_section);
  });
  if (is_relative) key = in_section;
  const std::string rest = message.substr(std::min(colon + 2, message.size()));
  // A key that was not given itself may stand in a list element that was.
  for (std::string place = key; !place.empty();) {
    if (const auto found = origins_.find(place); found != origins_.end()) {
      fail_at(found->second, key, rest);
    }
    const std::size_t cut = place.find_last_of(".[");
    place.resize(cut == std::string::npos ? 0 : cut);
  }
  fail_at("", key, rest);
}

Reader::Reader(const Node& node, std::string path, ReadLog& log)
    : table_([&]() -> const Table& {
        const Table* table = get<Table>(node);
        if (table == nullptr) fail_type(node, path, "a table");
        return *table;
      }()),
      path_(std::move(path)),
      log_(log),
      taken_(table_.size(), false) {}

const Node* Reader::take(std::string_view name) {
  for (std::size_t i = 0; i < table_.size(); ++i) {
    if (table_[i].name != name) continue;
    taken_[i] = true;
    const Node& node = table_[i].node;
    if (get<Table>(node) == nullptr) log_.note(path_of(name), node.origin);
    return &node;
  }
  return nullptr;
}

std::string Reader::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

const Array& Reader::items_of(const Node& node, const std::string& key, const ReadLog& log) {
  const Array* items = get<Array>(node);
  if (items == nullptr) log.fail_no_list(node, key);
  return *items;
}

void Reader::check_indices(std::string_view name, std::size_t size) const {
  for (std::size_t i = 0; i < table_.size(); ++i) {
    if (taken_[i] || !table_[i].name.starts_with(std::string(name) + "[")) continue;
    fail_at(table_[i].node.origin, path_of(table_[i].name),
            "no such entry, " + path_of(name) + " has " + std::to_string(size));
  }
}

void Reader::check_all_taken() const {
  for (std::size_t i = 0; i < table_.size(); ++i) {
    if (!taken_[i]) log_.fail_unknown(table_[i].node, path_of(table_[i].name));
  }
}

Node nest(const std::string& key, Node value) {
  std::string rest = key;
  while (!rest.empty()) {
    auto [section, name] = split_last(rest);
    const std::string origin = value.origin;
    Table table;
    table.push_back({std::move(name), std::move(value)});
    value = Node{.value = std::move(table), .origin = origin, .typed = std::nullopt};
    rest = std::move(section);
  }
  return value;
}

}  // namespace superpose::config
