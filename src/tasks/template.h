// Texts with fields of a row in them: the prompts, choices and answers of a task.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "util/json.h"

namespace superpose::tasks {

// A row of a data set: a JSON object, and what errors call it ("hellaswag.jsonl:12").
struct Row {
  util::Json fields;
  std::string where;
};

// A field of a row by its path, "choices.text" or "choices[0]"; null where the row lacks it.
const util::Json* find_field(const Row& row, std::string_view path);

// The same as text: a string as it is, a number or truth value as Python prints it. Throws
// util::Error "<where>: ..." where the row lacks it or has something else there.
std::string field_text(const Row& row, std::string_view path);
// A field that holds a list of such values.
std::vector<std::string> field_texts(const Row& row, std::string_view path);

// A text in which {path} stands for a field and {path|filter|filter:text} for what the filters make
// of it; {{ and }} stand for braces.
//
//   strip, strip_left, strip_right   white space, as Python sees it
//   capitalize                       first character in title case, the others in lower case
//   spaces                           a space for each underscore
//   last_word                        what follows the last space
//   but_last_word                    what precedes it
//   before:TEXT, after:TEXT          what precedes the first TEXT, what follows it
class Template {
 public:
  Template() = default;
  // Throws util::Error for an unclosed brace, an empty path, an unknown filter.
  explicit Template(std::string_view text);

  // Throws util::Error as field_text does, and where a filter does not find its text.
  std::string render(const Row& row) const;

 private:
  struct Filter {
    std::string name;
    std::string text;
  };
  struct Field {
    std::string path;
    std::vector<Filter> filters;
  };

  static Field parse_field(std::string_view text);
  static std::string apply(const Filter& filter, const std::string& text, const Row& row);

  std::vector<std::variant<std::string, Field>> parts_;
};

}  // namespace superpose::tasks
