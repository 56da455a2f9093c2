#include "data/token_shards.h"

#include <algorithm>
#include <cstring>

#include "data/megatron_format.h"
#include "util/error.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

// Reads the numbers of an .idx file, which lie unaligned.
class IndexReader {
 public:
  explicit IndexReader(const fs::path& path) : name_(path.string()), file_(path) {}

  template <class Number>
  Number next(std::string_view what) {
    Number value;
    std::memcpy(&value, take(sizeof value, what), sizeof value);
    return value;
  }

  template <class Number>
  std::vector<Number> next_all(std::uint64_t count, std::string_view what) {
    // Divided, not multiplied: a damaged count must not overflow.
    check(count <= (file_.size() - offset_) / sizeof(Number), "is cut off in its ", what);
    std::vector<Number> values(count);
    if (count > 0)
      std::memcpy(values.data(), take(count * sizeof(Number), what), count * sizeof(Number));
    return values;
  }

  std::string_view next_text(std::size_t size, std::string_view what) {
    return {reinterpret_cast<const char*>(take(size, what)), size};
  }

  template <class... Parts>
  void check(bool ok, const Parts&... parts) const {
    util::require(ok, "shard ", name_, ": ", parts...);
  }

 private:
  const std::byte* take(std::size_t size, std::string_view what) {
    check(size <= file_.size() - offset_, "is cut off in its ", what);
    const std::byte* at = file_.data() + offset_;
    offset_ += size;
    return at;
  }

  std::string name_;
  util::MappedFile file_;
  std::size_t offset_ = 0;
};

struct ShardIndex {
  std::vector<std::int64_t> document_ends;  // in tokens of the shard
  std::int64_t tokens = 0;
};

// Ends of the sequences in tokens, from their lengths; checks the byte pointers against them.
std::vector<std::int64_t> sequence_ends(IndexReader& reader, std::uint64_t count) {
  const auto lengths = reader.next_all<std::int32_t>(count, "sequence lengths");
  const auto pointers = reader.next_all<std::int64_t>(count, "sequence pointers");
  std::vector<std::int64_t> ends(lengths.size());
  std::int64_t end = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    reader.check(lengths[i] >= 0 && pointers[i] == end * 2, "sequence ", i,
                 " must follow the one before it, got length ", lengths[i], " at byte ",
                 pointers[i]);
    end += lengths[i];
    ends[i] = end;
  }
  return ends;
}

ShardIndex read_index(const fs::path& path) {
  IndexReader reader(path);
  reader.check(reader.next_text(kIndexMagic.size(), "magic") == kIndexMagic,
               "is no Megatron index (wrong magic)");
  const auto version = reader.next<std::uint64_t>("version");
  reader.check(version == kIndexVersion, "version must be ", kIndexVersion, ", got ", version);
  const auto dtype = reader.next<std::uint8_t>("dtype");
  reader.check(dtype == kDtypeU16, "dtype code must be 8 (u16), got ", int{dtype});
  const auto num_sequences = reader.next<std::uint64_t>("number of sequences");
  const auto num_entries = reader.next<std::uint64_t>("number of documents");
  const auto ends = sequence_ends(reader, num_sequences);
  const auto entries = reader.next_all<std::int64_t>(num_entries, "document index");
  reader.check(!entries.empty() && entries.front() == 0 &&
                   entries.back() == static_cast<std::int64_t>(num_sequences),
               "document index must run from 0 to the number of sequences");
  ShardIndex index;
  for (std::size_t i = 1; i < entries.size(); ++i) {
    reader.check(entries[i] > entries[i - 1] && entries[i] <= entries.back(),
                 "document index must ascend, got ", entries[i], " after ", entries[i - 1]);
    index.document_ends.push_back(ends[static_cast<std::size_t>(entries[i] - 1)]);
  }
  index.tokens = ends.empty() ? 0 : ends.back();
  return index;
}

fs::path with_ending(const fs::path& prefix, std::string_view ending) {
  fs::path path = prefix;
  return path += ending;
}

}  // namespace

TokenShards::TokenShards(const std::vector<fs::path>& prefixes, std::int64_t vocabulary_size)
    : vocabulary_size_(vocabulary_size) {
  for (const fs::path& prefix : prefixes) open(prefix);
}

void TokenShards::open(const fs::path& prefix) {
  const ShardIndex index = read_index(with_ending(prefix, ".idx"));
  const fs::path path = with_ending(prefix, ".bin");
  Shard shard{path.string(), util::MappedFile(path), num_tokens_};
  util::require(shard.tokens.size() == static_cast<std::size_t>(index.tokens) * 2, "shard ",
                path.string(), ": must hold ", index.tokens * 2, " bytes by its index, got ",
                shard.tokens.size());
  for (const std::int64_t end : index.document_ends) document_ends_.push_back(num_tokens_ + end);
  num_tokens_ += index.tokens;
  shards_.push_back(std::move(shard));
}

std::int64_t TokenShards::document_of(std::int64_t position) const {
  util::require(position >= 0 && position < num_tokens_, "shards: position must lie in [0, ",
                num_tokens_, "), got ", position);
  return std::upper_bound(document_ends_.begin(), document_ends_.end(), position) -
         document_ends_.begin();
}

void TokenShards::read(std::int64_t position, std::span<std::int32_t> out) const {
  const auto count = static_cast<std::int64_t>(out.size());
  util::require(position >= 0 && count <= num_tokens_ - position, "shards: must read inside [0, ",
                num_tokens_, "), got [", position, ", ", position + count, ")");
  auto shard = std::upper_bound(shards_.begin(), shards_.end(), position,
                                [](std::int64_t p, const Shard& s) { return p < s.first_token; });
  while (!out.empty()) {
    const Shard& source = *std::prev(shard);
    const auto first = static_cast<std::size_t>(position - source.first_token);
    const std::size_t size = std::min(out.size(), source.tokens.size() / 2 - first);
    copy_tokens(source, first, out.first(size));
    out = out.subspan(size);
    position += static_cast<std::int64_t>(size);
    ++shard;
  }
}

void TokenShards::copy_tokens(const Shard& shard, std::size_t first,
                              std::span<std::int32_t> out) const {
  const auto* tokens = reinterpret_cast<const std::uint16_t*>(shard.tokens.data()) + first;
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = tokens[i];
    largest = std::max(largest, out[i]);
  }
  if (largest < vocabulary_size_) return;
  const auto bad =
      std::find_if(out.begin(), out.end(), [&](std::int32_t id) { return id >= vocabulary_size_; });
  util::fail("shard ", shard.name, ": token id must be below ", vocabulary_size_, ", got ", *bad,
             " at token ", first + static_cast<std::size_t>(bad - out.begin()));
}

}  // namespace superpose::data
