#include "corpus/shards/megatron_index.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>

#include "corpus/shards/megatron_format.h"
#include "util/error.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

// By dtype code; 6 and 7 are f64 and f32.
constexpr std::array<std::optional<TokenType>, 9> kTypes{
    std::nullopt,    TokenType::kU8, TokenType::kI8, TokenType::kI16, TokenType::kI32,
    TokenType::kI64, std::nullopt,   std::nullopt,   TokenType::kU16};

// Reads the numbers of an index, which lie unaligned.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& name) : name_(name), rest_(bytes) {}

  template <class Number>
  Number next(std::string_view what) {
    Number value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }

  template <class Number>
  std::vector<Number> next_all(std::uint64_t count, std::string_view what) {
    // Divided, not multiplied: a damaged count must not overflow.
    check(count <= rest_.size() / sizeof(Number), "is cut off in its ", what);
    std::vector<Number> values(count);
    if (count > 0) {
      std::memcpy(values.data(), take(count * sizeof(Number), what).data(), count * sizeof(Number));
    }
    return values;
  }

  std::string_view next_text(std::size_t size, std::string_view what) {
    return {reinterpret_cast<const char*>(take(size, what).data()), size};
  }

  std::size_t bytes_left() const { return rest_.size(); }

  template <class... Parts>
  void check(bool ok, const Parts&... parts) const {
    util::require(ok, "shard ", name_, ": ", parts...);
  }

 private:
  std::span<const std::byte> take(std::size_t size, std::string_view what) {
    check(size <= rest_.size(), "is cut off in its ", what);
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  const std::string& name_;
  std::span<const std::byte> rest_;
};

TokenType read_type(Reader& reader) {
  const auto code = reader.next<std::uint8_t>("dtype");
  reader.check(code < kTypes.size() && kTypes[code].has_value(),
               "dtype code must be one of 1 to 5 or 8 (whole numbers), got ", int{code});
  return *kTypes[code];
}

// Every byte of .bin belongs to one sequence; returns how many bytes that makes.
std::int64_t check_cover(const Reader& reader, std::span<const std::int32_t> lengths,
                         std::span<const std::int64_t> pointers, std::int64_t width) {
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::pair(pointers[a], lengths[a]) < std::pair(pointers[b], lengths[b]);
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) {
    std::sort(order.begin(), order.end(), before);
  }
  // A sequence takes 12 bytes of index and stands for less than 2^34 bytes: no overflow.
  std::int64_t end = 0;
  for (const std::size_t i : order) {
    reader.check(lengths[i] >= 0 && pointers[i] == end, "sequence ", i,
                 " must begin where another ends, at byte ", end, ", got length ", lengths[i],
                 " at byte ", pointers[i]);
    end += lengths[i] * width;
  }
  return end;
}

// Appends a sequence, to the last range where it follows that one in the file.
void append_range(std::vector<FileRange>& file_ranges, std::int64_t pointer, std::int64_t length,
                  std::int64_t width) {
  if (length == 0) return;
  if (!file_ranges.empty() &&
      file_ranges.back().first_byte + file_ranges.back().num_tokens * width == pointer) {
    file_ranges.back().num_tokens += length;
  } else {
    file_ranges.push_back({pointer, length});
  }
}

// One past the last token of each document that has any.
std::vector<std::int64_t> ends_of_documents(const Reader& reader,
                                            std::span<const std::int64_t> entries,
                                            std::span<const std::int32_t> lengths) {
  reader.check(!entries.empty() && entries.front() == 0 && entries.back() == std::ssize(lengths),
               "document index must run from 0 to the number of sequences");
  std::vector<std::int64_t> ends;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  for (std::size_t i = 1; i < entries.size(); ++i) {
    reader.check(entries[i] >= entries[i - 1] && entries[i] <= std::ssize(lengths),
                 "document index must ascend, got ", entries[i], " after ", entries[i - 1]);
    for (std::int64_t s = entries[i - 1]; s < entries[i]; ++s) {
      end += lengths[static_cast<std::size_t>(s)];
    }
    if (end > begin) ends.push_back(end);
    begin = end;
  }
  return ends;
}

fs::path with_ending(const fs::path& prefix, std::string_view ending) {
  fs::path path = prefix;
  return path += ending;
}

}  // namespace

MegatronIndex parse_megatron_index(std::span<const std::byte> bytes, const std::string& name) {
  Reader reader(bytes, name);
  reader.check(reader.next_text(kIndexMagic.size(), "magic") == kIndexMagic,
               "is not a Megatron index (wrong magic)");
  const auto version = reader.next<std::uint64_t>("version");
  reader.check(version == kIndexVersion, "version must be ", kIndexVersion, ", got ", version);
  MegatronIndex index;
  index.type = read_type(reader);
  const auto num_sequences = reader.next<std::uint64_t>("number of sequences");
  const auto num_entries = reader.next<std::uint64_t>("number of documents");
  const auto lengths = reader.next_all<std::int32_t>(num_sequences, "sequence lengths");
  const auto pointers = reader.next_all<std::int64_t>(num_sequences, "sequence pointers");
  const auto entries = reader.next_all<std::int64_t>(num_entries, "document index");
  reader.check(reader.bytes_left() == 0 || reader.bytes_left() == num_sequences,
               "must end behind its document index, or have a mode for each sequence, got ",
               reader.bytes_left(), " bytes more");
  const auto width = static_cast<std::int64_t>(token_bytes(index.type));
  index.bin_bytes = check_cover(reader, lengths, pointers, width);
  index.num_tokens = index.bin_bytes / width;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    append_range(index.file_ranges, pointers[i], lengths[i], width);
  }
  index.document_ends = ends_of_documents(reader, entries, lengths);
  return index;
}

MegatronPaths megatron_paths(const fs::path& path) {
  const std::string ending = path.extension().string();
  fs::path prefix = path;
  if (ending == ".bin" || ending == ".idx") prefix.replace_extension();
  return {with_ending(prefix, ".bin"), with_ending(prefix, ".idx")};
}

}  // namespace superpose::corpus
