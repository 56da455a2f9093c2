// A parsed TOML value that remembers where it was written. Keeps toml++ out of every other file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace superpose::config {

struct Node;
struct Member;
using Array = std::vector<Node>;
using Table = std::vector<Member>;

// A date or time: TOML has them, recipes do not.
struct Date {};

struct Node {
  std::variant<bool, std::int64_t, double, std::string, Array, Table, Date> value;
  std::string origin;                // "recipe.toml:12", or "--train.steps"
  std::optional<std::string> typed;  // command line: the value's text as it was typed
};

struct Member {
  std::string name;
  Node node;
};

// "a string", "an integer", ...: for messages.
std::string kind_of(const Node& node);

// The value as TOML on one line, in the form in which doubles and strings read back exactly.
std::string inline_text(const Node& node);
std::string inline_text(std::string_view text);
// A table's key: bare where TOML allows it, else quoted.
std::string key_text(const std::string& name);

// The tree of a recipe. Throws util::Error "<file_name>:<line>: ..." where the text is not TOML.
Node parse_toml(std::string_view file_name, std::string_view toml_text);

// The value of a command line override: TOML if it reads as that, else a bare string. Throws
// util::Error unless it is valid UTF-8.
Node parse_value(const std::string& origin, const std::string& text);

// Throws util::Error "<origin>: <key>: <message>"; "--<key>: <message>" for a value that the
// command line gave to exactly this key.
[[noreturn]] void fail_at(std::string_view origin, std::string_view key, std::string_view message);

}  // namespace superpose::config
