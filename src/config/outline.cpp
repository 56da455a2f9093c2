#include "config/outline.h"

#include <algorithm>

#include "config/node.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::config {
namespace {

template <class Value>
std::string list_text(const std::vector<Value>& values) {
  std::vector<std::string> parts;
  for (const Value& value : values) parts.push_back(leaf_text(value));
  return "[" + util::join(parts, ", ") + "]";
}

// Entries as an inline table; lists and sections nest.
std::string entries_text(std::span<const Entry> entries);

std::string entry_text(const Entry& entry) {
  if (entry.kind == Entry::Kind::kLeaf) return entry.value;
  if (entry.kind == Entry::Kind::kSection) return entries_text(entry.children);
  std::vector<std::string> parts;
  for (const Entry& element : entry.children) parts.push_back(entry_text(element));
  return "[" + util::join(parts, ", ") + "]";
}

std::string entries_text(std::span<const Entry> entries) {
  std::vector<std::string> parts;
  for (const Entry& entry : entries) {
    if (!entry.at_default) parts.push_back(entry.name + " = " + entry_text(entry));
  }
  return "{" + util::join(parts, ", ") + "}";
}

std::string dotted(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

void add_keys(std::span<const Entry> entries, const std::string& prefix,
              std::vector<KnownKey>& keys) {
  for (const Entry& entry : entries) {
    const std::string path = dotted(prefix, entry.name);
    const bool is_list = entry.kind == Entry::Kind::kList;
    const bool is_leaf = entry.kind == Entry::Kind::kLeaf;
    keys.push_back({.pattern = path,
                    .takes_value = is_leaf || is_list,
                    .takes_table = !is_leaf || entry.value.starts_with('{')});
    add_keys(is_list ? entry.element_keys : entry.children, is_list ? path + "[]" : path, keys);
  }
}

void add_settings(std::span<const Entry> entries, const std::string& prefix,
                  std::vector<util::Setting>& settings) {
  for (const Entry& entry : entries) {
    if (entry.at_default) continue;
    const std::string path = dotted(prefix, entry.name);
    if (entry.kind == Entry::Kind::kSection) {
      add_settings(entry.children, path, settings);
    } else {
      settings.push_back({path, entry_text(entry), entry.operational});
    }
  }
}

// Writes entries as TOML lines, with comments or without.
class Printer {
 public:
  explicit Printer(bool with_comments) : with_comments_(with_comments) {}

  // The keys of a table come before its tables, as TOML demands.
  void print(std::span<const Entry> entries, const std::string& prefix) {
    print_leaves(entries);
    for (const Entry& entry : entries) {
      const std::string path = dotted(prefix, entry.name);
      if (entry.kind == Entry::Kind::kSection) {
        print_table("[" + path + "]", entry.doc, entry.children, path);
      } else if (entry.kind == Entry::Kind::kList) {
        for (const Entry& element : entry.children) {
          print_table("[[" + path + "]]", entry.doc, element.children, path);
        }
        if (with_comments_ && entry.children.empty()) print_example(entry, path);
      }
    }
  }

  std::string text;

 private:
  static constexpr std::size_t kWidestCommentColumn = 44;

  // An empty list has no table to stand for it, so it is a key.
  static std::string assignment(const Entry& entry) {
    return entry.name + " = " + (entry.kind == Entry::Kind::kLeaf ? entry.value : "[]");
  }

  static bool is_assignment(const Entry& entry) {
    return entry.kind == Entry::Kind::kLeaf ||
           (entry.kind == Entry::Kind::kList && entry.children.empty());
  }

  static std::string comment(const Entry& entry) {
    std::string comment = entry.operational ? "(operational) " + entry.doc : entry.doc;
    if (!entry.choices.empty()) comment += "; one of " + util::join(entry.choices, ", ");
    return comment;
  }

  void print_leaves(std::span<const Entry> entries, const std::string& lead = "") {
    std::size_t column = 0;
    for (const Entry& entry : entries) {
      const std::size_t width = assignment(entry).size();
      if (is_assignment(entry) && width <= kWidestCommentColumn) column = std::max(column, width);
    }
    for (const Entry& entry : entries) {
      if (!is_assignment(entry)) continue;
      std::string line = assignment(entry);
      if (with_comments_) {
        line.resize(std::max(line.size(), column), ' ');
        line += "  # " + comment(entry);
      }
      text += lead + line + "\n";
    }
  }

  void print_table(const std::string& header, const std::string& doc,
                   std::span<const Entry> children, const std::string& path) {
    if (!text.empty()) text += "\n";
    if (with_comments_) text += "# " + doc + "\n";
    text += header + "\n";
    print(children, path);
  }

  void print_example(const Entry& entry, const std::string& path) {
    text +=
        "\n# " + entry.doc + "; none by default, each one looks like this:\n# [[" + path + "]]\n";
    print_leaves(entry.element_keys, "# ");
  }

  bool with_comments_;
};

}  // namespace

std::string leaf_text(bool value) { return value ? "true" : "false"; }
std::string leaf_text(std::int64_t value) { return std::to_string(value); }
std::string leaf_text(double value) { return util::format_double(value); }
std::string leaf_text(const std::string& value) { return inline_text(std::string_view(value)); }
std::string leaf_text(const std::vector<double>& values) { return list_text(values); }
std::string leaf_text(const std::vector<std::int64_t>& values) { return list_text(values); }
std::string leaf_text(const std::vector<std::string>& values) { return list_text(values); }

std::string leaf_text(const std::optional<std::int64_t>& value) {
  return value ? leaf_text(*value) : "\"auto\"";
}

std::string leaf_text(const std::optional<double>& value) {
  return value ? leaf_text(*value) : "\"auto\"";
}

std::string leaf_text(const std::map<std::string, std::string>& values) {
  std::vector<std::string> parts;
  for (const auto& [key, text] : values) parts.push_back(key_text(key) + " = " + text);
  return "{" + util::join(parts, ", ") + "}";
}

std::string choice_text(std::size_t index, std::span<const std::string_view> names) {
  util::require(index < names.size(), "recipe: choice must be below ", names.size(), ", got ",
                index);
  return inline_text(names[index]);
}

void Outliner::mark_defaults(std::vector<Entry>& entries, const std::vector<Entry>& defaults) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].at_default = entries[i].added && entry_text(entries[i]) == entry_text(defaults[i]);
  }
}

std::vector<KnownKey> known_keys(std::span<const Entry> root) {
  std::vector<KnownKey> keys;
  add_keys(root, "", keys);
  return keys;
}

std::vector<util::Setting> outline_settings(std::span<const Entry> root) {
  std::vector<util::Setting> settings;
  add_settings(root, "", settings);
  return settings;
}

std::string outline_toml(std::span<const Entry> root) {
  Printer printer(false);
  printer.print(root, "");
  return std::move(printer.text);
}

std::string outline_description(std::span<const Entry> root) {
  Printer printer(true);
  printer.text =
      "# Every key with its default. A key marked (operational) may change when a run is resumed;\n"
      "# all others are part of the experiment.\n\n";
  printer.print(root, "");
  return std::move(printer.text);
}

}  // namespace superpose::config
