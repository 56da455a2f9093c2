#include "corpus/readers/read_options.h"

#include "util/error.h"

namespace superpose::corpus {

std::string unescape_separator(std::string_view key, std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const char c = ++i < text.size() ? text[i] : '\0';
    util::require(c == 'n' || c == 't' || c == 'r' || c == '\\', key,
                  R"(: a backslash must stand in \n, \t, \r or \\, got )", text);
    result += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : '\\';
  }
  return result;
}

}  // namespace superpose::corpus
