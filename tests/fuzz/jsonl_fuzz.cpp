#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/json_documents.h"
#include "fuzz/targets.h"
#include "util/error.h"

namespace superpose::fuzz {
namespace {

// Bytes in memory, a few at a time.
class MemoryStream final : public data::ByteStream {
 public:
  explicit MemoryStream(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  std::size_t read(std::span<char> out) override {
    const std::size_t size = std::min({out.size(), rest_.size(), std::size_t{7}});
    std::memcpy(out.data(), rest_.data(), size);
    rest_.remove_prefix(size);
    return size;
  }
  std::int64_t bytes_read() const override {
    return static_cast<std::int64_t>(size_ - rest_.size());
  }

 private:
  std::string_view rest_;
  std::size_t size_;
};

std::vector<std::string> read(std::string_view input, const data::ReadOptions& options) {
  const auto reader =
      data::read_json_documents(std::make_unique<MemoryStream>(input), "input", options);
  std::vector<std::string> documents;
  std::string text;
  try {
    while (reader->next(text)) documents.push_back(text);
    expect(reader->bytes_read() == std::ssize(input));
  } catch (const util::Error&) {
  }
  return documents;
}

}  // namespace

void jsonl(std::string_view input) {
  const char* const field = input.size() % 2 == 0 ? "text" : "meta.text";
  const auto strict = read(input, {.text_field = field});
  const auto skipped = read(input, {.text_field = field, .on_bad_record = data::BadRecord::kSkip});
  // Both agree up to the first bad record.
  expect(strict.size() <= skipped.size());
  expect(std::equal(strict.begin(), strict.end(), skipped.begin()));
}

}  // namespace superpose::fuzz
