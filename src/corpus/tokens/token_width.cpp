#include "corpus/tokens/token_width.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "util/error.h"

namespace superpose::corpus {
namespace {

constexpr std::size_t kSampleBytes = std::size_t{1} << 20;
// Fewer numbers could look like wider ones by accident.
constexpr std::size_t kLeastNumbers = 16;
// Where the vocabulary is not known: as large as they are in use, and above any.
constexpr std::uint64_t kLargeVocabulary = std::uint64_t{1} << 18;
constexpr std::uint64_t kAnyVocabulary = std::uint64_t{1} << 24;

struct RawWidth {
  TokenFormat format;
  TokenType type;
};
constexpr std::array kWidths = {RawWidth{TokenFormat::kRawU8, TokenType::kU8},
                                RawWidth{TokenFormat::kRawU16, TokenType::kU16},
                                RawWidth{TokenFormat::kRawU32, TokenType::kU32},
                                RawWidth{TokenFormat::kRawU64, TokenType::kU64}};

// Whether the sample holds ids below `limit` in this width, and not only zeros.
bool fits(std::span<const std::byte> sample, TokenType type, std::uint64_t limit) {
  return with_token_type(type, [&](auto number) {
    bool any = false;
    for (std::size_t at = 0; at + sizeof number <= sample.size(); at += sizeof number) {
      std::memcpy(&number, sample.data() + at, sizeof number);
      if (to_unsigned(number) >= limit) return false;
      any = any || number != 0;
    }
    return any;
  });
}

}  // namespace

void check_token_width(const TokenFile& file, TokenFormat format,
                       std::optional<std::int64_t> vocabulary_size) {
  const std::span<const std::byte> bytes = file.bytes.bytes();
  const std::span<const std::byte> sample = bytes.first(std::min(bytes.size(), kSampleBytes));
  const std::size_t own = token_bytes(file.type);
  const auto vocabulary = static_cast<std::uint64_t>(vocabulary_size.value_or(kLargeVocabulary));
  const auto limit = static_cast<std::uint64_t>(vocabulary_size.value_or(kAnyVocabulary));
  const auto refuse_unless = [&](bool is_right, const RawWidth& other) {
    if (is_right) return;
    const auto name = [](TokenFormat f) { return kTokenFormatNames[static_cast<std::size_t>(f)]; };
    util::fail("token file ", file.name, ": holds numbers of ", token_bytes(other.type) * 8,
               " bits, not ", own * 8, ", as far as its first ", sample.size(),
               " bytes show (a vocabulary of ", vocabulary, " ids): set the format \"",
               name(other.format), "\" in place of \"", name(format), "\"");
  };
  bool is_raw = false;
  for (const RawWidth& width : kWidths) is_raw = is_raw || width.format == format;
  if (!is_raw) return;
  for (std::size_t i = kWidths.size(); i-- > 0;) {
    const std::size_t size = token_bytes(kWidths[i].type);
    if (size <= own || bytes.size() % size != 0 || sample.size() < kLeastNumbers * size) continue;
    refuse_unless(!fits(sample, kWidths[i].type, vocabulary), kWidths[i]);
  }
  if (sample.size() < kLeastNumbers * own || fits(sample, file.type, limit)) return;
  // Any byte fits a usual vocabulary: bytes are not candidates.
  for (std::size_t i = kWidths.size(); i-- > 1;) {
    if (token_bytes(kWidths[i].type) >= own) continue;
    refuse_unless(!fits(sample, kWidths[i].type, vocabulary), kWidths[i]);
  }
}

}  // namespace superpose::corpus
