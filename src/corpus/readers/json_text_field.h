// The text field of a JSON record.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace superpose::corpus {

// The text of JSON records: the string at a dotted path of one field in another. One thread at a
// time.
class JsonTextField {
 public:
  // Throws util::Error where `path` is not names with dots between them.
  explicit JsonTextField(std::string path);
  ~JsonTextField();

  // Puts the text of the record in `line`, which may change, into `text`; or returns what is wrong
  // with it. Fields that are not asked for may hold what tame_json makes harmless. Throws
  // util::Error where there is no memory for the line.
  std::optional<std::string> extract(std::string& line, std::string& text);

  // Bytes that a line may have.
  static std::size_t most_bytes();

 private:
  struct Parser;

  std::unique_ptr<Parser> parser_;
};

}  // namespace superpose::corpus
