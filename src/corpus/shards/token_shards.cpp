#include "corpus/shards/token_shards.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>

#include "corpus/tokens/document_scan.h"
#include "util/error.h"

namespace superpose::corpus {

// Tokens that lie side by side.
struct TokenShards::MappedRange {
  const std::byte* tokens;
  std::int64_t first_token;  // position over all files
  std::int64_t num_tokens;
  std::size_t file;
};

struct TokenShards::Documents {
  std::once_flag once;
  std::vector<std::int64_t> ends;
};

namespace {

// Copies tokens; the largest of them, or the largest number of all where one is negative or does
// not fit. In signed 32 bits, since the least of vector units has no maximum of unsigned numbers.
template <class Number>
std::uint64_t widen(const std::byte* tokens, std::span<std::int32_t> out) {
  Unsigned<Number> bits = 0;
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    Number token;  // may lie unaligned
    std::memcpy(&token, tokens + i * sizeof token, sizeof token);
    const Unsigned<Number> id = to_unsigned(token);
    bits |= id;
    out[i] = static_cast<std::int32_t>(id);
    largest = std::max(largest, out[i]);
  }
  const bool fits = bits >> 31 == 0;
  return fits ? static_cast<std::uint64_t>(largest) : std::numeric_limits<std::uint64_t>::max();
}

// Names the first of `count` tokens that lies outside the vocabulary.
template <class Number>
[[noreturn]] void fail_at_bad_token(const TokenFile& file, const std::byte* tokens,
                                    std::size_t count, std::int64_t vocabulary_size) {
  for (std::size_t i = 0; i < count; ++i) {
    Number token;
    std::memcpy(&token, tokens + i * sizeof token, sizeof token);
    if (to_unsigned(token) < static_cast<std::uint64_t>(vocabulary_size)) continue;
    // Of several ranges the position in the file says more than the position in the range.
    const std::int64_t first =
        file.file_ranges.size() == 1 ? file.file_ranges.front().first_byte : 0;
    const std::int64_t byte = tokens + i * sizeof token - file.bytes.data() - first;
    util::fail("shard ", file.name, ": token id must be ", token < 0 ? "at least 0 and " : "",
               "below ", vocabulary_size, ", got ", +token, " at token ",
               byte / static_cast<std::int64_t>(sizeof token));
  }
  __builtin_unreachable();
}

}  // namespace

std::vector<TokenFile> open_shards(const std::vector<std::filesystem::path>& prefixes) {
  std::vector<TokenFile> files;
  for (const std::filesystem::path& prefix : prefixes) {
    // With an ending, so that a dot in a prefix is not taken for one.
    std::filesystem::path path = prefix;
    files.push_back(open_token_file(path += ".bin", {.format = TokenFormat::kMegatron}));
  }
  return files;
}

TokenShards::TokenShards(const std::vector<std::filesystem::path>& prefixes,
                         std::int64_t vocabulary_size)
    : TokenShards(open_shards(prefixes), vocabulary_size) {}

TokenShards::TokenShards(std::vector<TokenFile> files, std::int64_t vocabulary_size)
    : vocabulary_size_(vocabulary_size),
      files_(std::move(files)),
      documents_(std::make_unique<Documents>()) {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    for (const FileRange& file_range : files_[i].file_ranges) {
      mapped_ranges_.push_back({.tokens = files_[i].bytes.data() + file_range.first_byte,
                                .first_token = num_tokens_,
                                .num_tokens = file_range.num_tokens,
                                .file = i});
      num_tokens_ += file_range.num_tokens;
    }
  }
  const bool all_listed = std::all_of(files_.begin(), files_.end(), [](const TokenFile& file) {
    return file.document_ends == DocumentEnds::kListed;
  });
  if (!all_listed) return;
  document_ends();
  for (TokenFile& file : files_) std::vector<std::int64_t>().swap(file.listed_ends);
}

TokenShards::TokenShards(TokenShards&&) noexcept = default;
TokenShards& TokenShards::operator=(TokenShards&&) noexcept = default;
TokenShards::~TokenShards() = default;

std::span<const std::int64_t> TokenShards::document_ends() const {
  std::call_once(documents_->once, [this] {
    // A vector that grows by itself would take twice as much and more, for good.
    std::size_t listed = 0;
    for (const TokenFile& file : files_) listed += file.listed_ends.size();
    documents_->ends.reserve(listed);
    std::int64_t first = 0;
    for (const TokenFile& file : files_) {
      for (const std::int64_t end : find_document_ends(file)) {
        documents_->ends.push_back(first + end);
      }
      first += file.num_tokens;
    }
  });
  return documents_->ends;
}

std::int64_t TokenShards::document_of(std::int64_t position) const {
  util::require(position >= 0 && position < num_tokens_, "shards: position must lie in [0, ",
                num_tokens_, "), got ", position);
  const auto ends = document_ends();
  return std::upper_bound(ends.begin(), ends.end(), position) - ends.begin();
}

void TokenShards::read(std::int64_t position, std::span<std::int32_t> out) const {
  const auto count = std::ssize(out);
  util::require(position >= 0 && count <= num_tokens_ - position, "shards: must read inside [0, ",
                num_tokens_, "), got [", position, ", ", position + count, ")");
  auto file_range =
      std::upper_bound(mapped_ranges_.begin(), mapped_ranges_.end(), position,
                       [](std::int64_t p, const MappedRange& r) { return p < r.first_token; });
  while (!out.empty()) {
    const MappedRange& source = *std::prev(file_range);
    const std::int64_t first = position - source.first_token;
    const std::int64_t size = std::min(std::ssize(out), source.num_tokens - first);
    copy_tokens(source, first, out.first(static_cast<std::size_t>(size)));
    out = out.subspan(static_cast<std::size_t>(size));
    position += size;
    ++file_range;
  }
}

void TokenShards::copy_tokens(const MappedRange& file_range, std::int64_t first,
                              std::span<std::int32_t> out) const {
  const TokenFile& file = files_[file_range.file];
  with_token_type(file.type, [&](auto number) {
    using Number = decltype(number);
    const std::byte* tokens = file_range.tokens + static_cast<std::size_t>(first) * sizeof(Number);
    if (widen<Number>(tokens, out) < static_cast<std::uint64_t>(vocabulary_size_)) return;
    fail_at_bad_token<Number>(file, tokens, out.size(), vocabulary_size_);
  });
}

}  // namespace superpose::corpus
