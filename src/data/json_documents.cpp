#include "data/json_documents.h"

#include <simdjson.h>

#include <string_view>
#include <utility>
#include <vector>

#include "data/line_reader.h"
#include "util/error.h"

namespace superpose::data {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::size_t kMostLineBytes =
    simdjson::SIMDJSON_MAXSIZE_BYTES - simdjson::SIMDJSON_PADDING;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kWhite = " \t\r";
  const std::size_t first = line.find_first_not_of(kWhite);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(kWhite) + 1 - first);
}

std::vector<std::string> split_path(const std::string& field) {
  std::vector<std::string> keys;
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = field.find('.', begin);
    keys.push_back(field.substr(begin, dot - begin));
    util::require(!keys.back().empty(), "text_field: must be names with dots between them, got \"",
                  field, "\"");
    if (dot == field.npos) return keys;
    begin = dot + 1;
  }
}

std::string_view type_name(element_type type) {
  switch (type) {
    case element_type::ARRAY:
      return "an array";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a bool";
    case element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

class JsonDocuments final : public DocumentReader {
 public:
  JsonDocuments(std::unique_ptr<ByteStream> bytes, std::string name, const ReadOptions& options)
      : name_(std::move(name)),
        field_(options.text_field),
        keys_(split_path(options.text_field)),
        on_bad_record_(options.on_bad_record),
        lines_(std::move(bytes), name_, kMostLineBytes) {}

  bool next(std::string& text) override {
    while (lines_.next(line_)) {
      if (lines_.line_number() == 1 && line_.starts_with(kByteOrderMark)) {
        line_.erase(0, kByteOrderMark.size());
      }
      const std::string_view record = trimmed(line_);
      if (record.empty()) continue;
      if (!std::exchange(seen_record_, true)) check_first(record);
      if (extract(text)) return true;
      ++bad_records_;
    }
    return false;
  }

  std::int64_t bytes_read() const override { return lines_.bytes_read(); }
  std::int64_t bad_records() const override { return bad_records_; }

 private:
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    util::fail(name_, ":", lines_.line_number(), ": ", parts...);
  }

  // Throws, or says that the record is to be skipped.
  template <class... Parts>
  bool bad(const Parts&... parts) const {
    if (on_bad_record_ == BadRecord::kError) fail(parts...);
    return false;
  }

  // A whole file in another shape is no matter of single records.
  void check_first(std::string_view record) const {
    if (record.front() == '[') fail("expected JSON lines (an object a line), got a JSON array");
    if (record == "{") fail("expected JSON lines (an object a line), got an object of several");
  }

  bool extract(std::string& text) {
    // The parser reads beyond the end; with room behind the line it needs no copy.
    line_.reserve(line_.size() + simdjson::SIMDJSON_PADDING);
    element value;
    const simdjson::error_code code = parser_.parse(line_).get(value);
    if (code == simdjson::MEMALLOC) fail("no memory for a line of ", line_.size(), " bytes");
    if (code != simdjson::SUCCESS) return bad("not valid JSON: ", simdjson::error_message(code));
    for (const std::string& key : keys_) {
      if (!descend(value, key)) return false;
    }
    std::string_view found;
    if (value.get(found) != simdjson::SUCCESS) {
      return bad("field \"", field_, "\" must be a string, got ", type_name(value.type()));
    }
    text.assign(found);
    return true;
  }

  bool descend(element& value, const std::string& key) const {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) {
      return bad("expected an object that holds \"", key, "\" of field \"", field_, "\", got ",
                 type_name(value.type()));
    }
    int found = 0;
    for (const auto& [name, member] : object) {
      if (name != key) continue;
      value = member;
      ++found;
    }
    if (found == 0) return bad("there is no field \"", field_, "\"");
    return found == 1 ||
           bad("\"", key, "\" of field \"", field_, "\" must occur once, got ", found);
  }

  std::string name_;
  std::string field_;
  std::vector<std::string> keys_;
  BadRecord on_bad_record_;
  LineReader lines_;
  std::string line_;
  simdjson::dom::parser parser_;
  bool seen_record_ = false;
  std::int64_t bad_records_ = 0;
};

}  // namespace

std::unique_ptr<DocumentReader> read_json_documents(std::unique_ptr<ByteStream> bytes,
                                                    const std::string& name,
                                                    const ReadOptions& options) {
  return std::make_unique<JsonDocuments>(std::move(bytes), name, options);
}

}  // namespace superpose::data
