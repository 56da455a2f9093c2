#include "corpus/tokens/token_cut.h"

#include <algorithm>
#include <vector>

#include "util/error.h"

namespace superpose::corpus {
namespace {

void check_ranges(const TokenFile& file, std::span<const TokenRange> ranges) {
  std::int64_t end = 0;
  for (const TokenRange& range : ranges) {
    util::require(
        range.first >= end && range.count > 0 && range.count <= file.num_tokens - range.first,
        "token file ", file.name, ": what is left out must ascend inside [0, ", file.num_tokens,
        "), got [", range.first, ", ", range.first + range.count, ")");
    end = range.first + range.count;
  }
}

std::vector<FileRange> ranges_without(const std::vector<FileRange>& file_ranges, std::int64_t width,
                                      std::span<const TokenRange> ranges) {
  std::vector<FileRange> kept;
  std::int64_t at = 0;  // the range's first token
  auto range = ranges.begin();
  for (const FileRange& file_range : file_ranges) {
    const std::int64_t end = at + file_range.num_tokens;
    for (std::int64_t from = at; from < end;) {
      while (range != ranges.end() && range->first + range->count <= from) ++range;
      const bool is_cut = range != ranges.end() && range->first <= from;
      std::int64_t to = end;
      if (range != ranges.end()) {
        to = std::min(end, is_cut ? range->first + range->count : range->first);
      }
      if (!is_cut) kept.push_back({file_range.first_byte + (from - at) * width, to - from});
      from = to;
    }
    at = end;
  }
  return kept;
}

std::vector<std::int64_t> ends_without(const std::vector<std::int64_t>& ends,
                                       std::span<const TokenRange> ranges) {
  std::vector<std::int64_t> kept;
  std::int64_t removed = 0;
  auto range = ranges.begin();
  for (const std::int64_t end : ends) {
    for (; range != ranges.end() && range->first < end; ++range) removed += range->count;
    const std::int64_t left = end - removed;
    if (left > (kept.empty() ? 0 : kept.back())) kept.push_back(left);
  }
  return kept;
}

}  // namespace

void cut_out(TokenFile& file, std::span<const TokenRange> ranges) {
  if (ranges.empty()) return;
  check_ranges(file, ranges);
  const auto width = static_cast<std::int64_t>(token_bytes(file.type));
  file.file_ranges = ranges_without(file.file_ranges, width, ranges);
  for (const TokenRange& range : ranges) file.num_tokens -= range.count;
  file.listed_ends = ends_without(file.listed_ends, ranges);
}

}  // namespace superpose::corpus
