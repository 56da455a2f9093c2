#include "data/document_scan.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "util/first_error.h"

namespace superpose::data {
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

// Positions of `marker` among tokens [begin, end).
template <class Number>
std::vector<std::int64_t> find_markers(const std::byte* tokens, std::int64_t begin,
                                       std::int64_t end, Number marker) {
  std::vector<std::int64_t> found;
  for (std::int64_t block = begin; block < end; block += kBlockTokens) {
    const std::int64_t stop = std::min(block + kBlockTokens, end);
    bool any = false;
    for (std::int64_t i = block; i < stop; ++i) any |= token_at<Number>(tokens, i) == marker;
    if (!any) continue;
    for (std::int64_t i = block; i < stop; ++i) {
      if (token_at<Number>(tokens, i) == marker) found.push_back(i);
    }
  }
  return found;
}

// Positions of the file's marker, in order; files with a marker have one extent.
std::vector<std::int64_t> scan(const TokenFile& file) {
  const std::byte* tokens = file.bytes.data() + file.extents.front().first_byte;
  const std::int64_t num_parts = (file.num_tokens + kPartTokens - 1) / kPartTokens;
  std::vector<std::vector<std::int64_t>> found(static_cast<std::size_t>(num_parts));
  std::atomic<std::int64_t> next_part = 0;
  util::FirstError first_error;
  const auto find_all = [&] {
    for (std::int64_t part = next_part++; part < num_parts; part = next_part++) {
      const std::int64_t begin = part * kPartTokens;
      const std::int64_t end = std::min(begin + kPartTokens, file.num_tokens);
      found[static_cast<std::size_t>(part)] = with_token_type(file.type, [&](auto number) {
        using Number = decltype(number);
        return find_markers(tokens, begin, end, static_cast<Number>(file.marker));
      });
    }
  };
  const auto work = [&] { first_error.run(find_all); };
  file.bytes.expect(util::AccessPattern::kSequential);
  {
    const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
    std::vector<std::jthread> threads;
    while (std::ssize(threads) + 1 < std::min(cores, num_parts)) threads.emplace_back(work);
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

}  // namespace superpose::data
