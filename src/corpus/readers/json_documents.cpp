#include "corpus/readers/json_documents.h"

#include <string_view>
#include <utility>

#include "corpus/readers/json_text_field.h"
#include "corpus/streams/line_reader.h"
#include "util/error.h"
#include "util/utf8.h"

namespace superpose::corpus {
namespace {

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kWhite = " \t\r";
  const std::size_t first = line.find_first_not_of(kWhite);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(kWhite) + 1 - first);
}

class JsonDocuments final : public DocumentReader {
 public:
  JsonDocuments(std::unique_ptr<ByteStream> bytes, std::string name, const ReadOptions& options)
      : name_(std::move(name)),
        field_(options.text_field),
        on_bad_record_(options.on_bad_record),
        bad_record_advice_(options.bad_record_advice),
        lines_(std::move(bytes), name_, JsonTextField::most_bytes()) {}

  bool next(std::string& text) override {
    while (lines_.next(line_)) {
      if (lines_.line_number() == 1) {
        line_.erase(0, line_.size() - util::without_byte_order_mark(line_).size());
      }
      const std::string_view record = trimmed(line_);
      if (record.empty()) continue;
      if (!std::exchange(seen_record_, true)) check_first(record);
      const std::optional<std::string> problem = extract(text);
      if (!problem) return true;
      if (on_bad_record_ == BadRecord::kError) fail(*problem + "; " + bad_record_advice_);
      ++bad_records_;
    }
    return false;
  }

  std::int64_t bytes_read() const override { return lines_.bytes_read(); }
  std::int64_t bad_records() const override { return bad_records_; }

 private:
  [[noreturn]] void fail(std::string_view problem) const {
    util::fail(name_, ":", lines_.line_number(), ": ", problem);
  }

  // A whole file in another shape is more than a matter of single records.
  void check_first(std::string_view record) const {
    if (record.front() == '[') fail("expected JSON lines (one object per line), got a JSON array");
    if (record == "{")
      fail("expected JSON lines (one object per line), got one object spread over several lines");
  }

  std::optional<std::string> extract(std::string& text) {
    try {
      return field_.extract(line_, text);
    } catch (const util::Error& error) {  // not a bad record: memory
      fail(error.what());
    }
  }

  std::string name_;
  JsonTextField field_;
  BadRecord on_bad_record_;
  std::string bad_record_advice_;
  LineReader lines_;
  std::string line_;
  bool seen_record_ = false;
  std::int64_t bad_records_ = 0;
};

}  // namespace

std::unique_ptr<DocumentReader> read_json_documents(std::unique_ptr<ByteStream> bytes,
                                                    const std::string& name,
                                                    const ReadOptions& options) {
  return std::make_unique<JsonDocuments>(std::move(bytes), name, options);
}

}  // namespace superpose::corpus
