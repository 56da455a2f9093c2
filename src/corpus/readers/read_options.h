// How the documents of a file are read, as a recipe or a command line says it.
#pragma once

#include <string>
#include <string_view>

namespace superpose::corpus {

// What a reader does with a record that is not what it should be: a line that is not a JSON object,
// a missing or mistyped field, text that is not UTF-8 where the format demands it.
enum class BadRecord { kError, kSkip };

struct ReadOptions {
  // Text between two documents of a text file; empty = a file is one document.
  std::string document_separator = {};
  // Of JSON records and Parquet: dotted path of the field or column that holds the text.
  std::string text_field = "text";
  BadRecord on_bad_record = BadRecord::kError;
  // What an error about such a JSON record says to do.
  std::string bad_record_advice =
      "set data.text_field to the field that holds the text, data.on_bad_record = \"skip\" to skip "
      "such records, or data.exclude to leave the file out";
  // Reads as text what find_unreadable finds.
  bool keeps_binary = false;

  bool operator==(const ReadOptions&) const = default;
};

// A separator as the user wrote it, with \n, \t, \r and \\ for what they stand for: on a command
// line a line end is hard to type. Throws util::Error "<key>: ..." for another backslash.
std::string unescape_separator(std::string_view key, std::string_view text);

}  // namespace superpose::corpus
