#include "corpus/tokens/document_scan.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "util/first_error.h"
#include "util/resources.h"

namespace superpose::corpus {
namespace {

// Tokens that a thread looks at before it takes the next part.
constexpr std::int64_t kPartTokens = std::int64_t{1} << 24;
// Most blocks hold no marker: a loop without branches finds that out.
constexpr std::int64_t kBlockTokens = 1024;

template <class Number>
Number token_at(const std::byte* tokens, std::int64_t index) {
  Number value;  // may lie unaligned
  std::memcpy(&value, tokens + static_cast<std::size_t>(index) * sizeof value, sizeof value);
  return value;
}

// Tokens that lie side by side.
struct Part {
  const std::byte* tokens;
  std::int64_t first_token;  // position in the file
  std::int64_t num_tokens;
};

std::vector<Part> parts_of(const TokenFile& file) {
  const auto width = static_cast<std::int64_t>(token_bytes(file.type));
  std::vector<Part> parts;
  std::int64_t position = 0;
  for (const FileRange& file_range : file.file_ranges) {
    for (std::int64_t begin = 0; begin < file_range.num_tokens; begin += kPartTokens) {
      parts.push_back({.tokens = file.bytes.data() + file_range.first_byte + begin * width,
                       .first_token = position + begin,
                       .num_tokens = std::min(kPartTokens, file_range.num_tokens - begin)});
    }
    position += file_range.num_tokens;
  }
  return parts;
}

// Positions in the file of `marker` in a part.
template <class Number>
std::vector<std::int64_t> find_markers(const Part& part, Number marker) {
  std::vector<std::int64_t> found;
  for (std::int64_t block = 0; block < part.num_tokens; block += kBlockTokens) {
    const std::int64_t stop = std::min(block + kBlockTokens, part.num_tokens);
    bool any = false;
    for (std::int64_t i = block; i < stop; ++i) any |= token_at<Number>(part.tokens, i) == marker;
    if (!any) continue;
    for (std::int64_t i = block; i < stop; ++i) {
      if (token_at<Number>(part.tokens, i) == marker) found.push_back(part.first_token + i);
    }
  }
  return found;
}

// Positions of the file's marker, in order.
std::vector<std::int64_t> scan(const TokenFile& file) {
  const std::vector<Part> parts = parts_of(file);
  std::vector<std::vector<std::int64_t>> found(parts.size());
  std::atomic<std::size_t> next_part = 0;
  util::FirstError first_error;
  const auto find_all = [&] {
    for (std::size_t part = next_part++; part < parts.size(); part = next_part++) {
      found[part] = with_token_type(file.type, [&](auto number) {
        using Number = decltype(number);
        return find_markers(parts[part], static_cast<Number>(file.marker));
      });
    }
  };
  const auto work = [&] { first_error.run(find_all); };
  file.bytes.expect(util::AccessPattern::kSequential);
  {
    const auto cores = static_cast<std::size_t>(util::available_cores());
    std::vector<std::jthread> threads;
    while (threads.size() + 1 < std::min(cores, parts.size())) threads.emplace_back(work);
    work();
  }
  first_error.rethrow();
  file.bytes.expect(util::AccessPattern::kMixed);
  std::vector<std::int64_t> all;
  for (std::vector<std::int64_t>& part : found) {
    all.insert(all.end(), part.begin(), part.end());
    std::vector<std::int64_t>().swap(part);
  }
  return all;
}

}  // namespace

std::vector<std::int64_t> find_document_ends(const TokenFile& file) {
  if (file.document_ends == DocumentEnds::kListed) return file.listed_ends;
  if (file.num_tokens == 0) return {};
  std::vector<std::int64_t> ends = scan(file);
  if (file.document_ends == DocumentEnds::kBehindMarker) {
    for (std::int64_t& end : ends) ++end;
  } else if (!ends.empty() && ends.front() == 0) {
    ends.erase(ends.begin());
  }
  if (ends.empty() || ends.back() != file.num_tokens) ends.push_back(file.num_tokens);
  return ends;
}

}  // namespace superpose::corpus
