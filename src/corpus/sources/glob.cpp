#include "corpus/sources/glob.h"

#include <cstddef>

namespace superpose::corpus {
namespace {

// The "[...]" at the start of a pattern: its length (0: no closing bracket, so an ordinary
// character) and whether it holds c.
struct SetMatch {
  std::size_t length = 0;
  bool holds = false;
};

SetMatch match_set(std::string_view pattern, char c) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  const std::size_t first = i;
  bool found = false;
  for (; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i > first) return {i + 1, found != negated && c != '/'};
    const bool range = i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']';
    if (range) {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 2;
    } else {
      found = found || pattern[i] == c;
    }
  }
  return {};
}

// Length of the part of the pattern that one character c matches, 0 where it does not.
std::size_t match_one(std::string_view pattern, char c) {
  if (pattern.empty()) return 0;
  if (pattern[0] == '?') return c != '/' ? 1 : 0;
  if (pattern[0] == '[') {
    const SetMatch set = match_set(pattern, c);
    if (set.length > 0) return set.holds ? set.length : 0;
  }
  return pattern[0] == c ? 1 : 0;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view path) {
  while (true) {
    if (pattern.starts_with("**")) {
      const std::string_view rest = pattern.substr(2);
      if (rest.starts_with('/') && glob_matches(rest.substr(1), path)) return true;
      for (std::size_t i = 0; i <= path.size(); ++i) {
        if (glob_matches(rest, path.substr(i))) return true;
      }
      return false;
    }
    if (pattern.starts_with('*')) {
      for (std::size_t i = 0; i <= path.size(); ++i) {
        if (glob_matches(pattern.substr(1), path.substr(i))) return true;
        if (i < path.size() && path[i] == '/') return false;
      }
      return false;
    }
    if (path.empty()) return pattern.empty();
    const std::size_t used = match_one(pattern, path[0]);
    if (used == 0) return false;
    pattern.remove_prefix(used);
    path.remove_prefix(1);
  }
}

bool filter_matches(std::string_view pattern, std::string_view path) {
  if (pattern.find('/') == std::string_view::npos) {
    const std::size_t slash = path.rfind('/');
    if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  }
  return glob_matches(pattern, path);
}

bool is_glob(std::string_view name) { return name.find_first_of("*?[") != std::string_view::npos; }

}  // namespace superpose::corpus
