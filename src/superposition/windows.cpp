#include "superposition/windows.h"

#include <algorithm>

#include "util/error.h"

namespace superpose::superposition {
namespace {

void check_size(const char* name, std::size_t size, std::int64_t expected) {
  util::require(size == static_cast<std::size_t>(expected), "window: ", name, " must hold ",
                expected, " numbers, got ", size);
}

// Number of leading raw positions of a bag up to and with its last token; 0 where it holds padding
// alone.
std::size_t length_without_padding(std::span<const std::int32_t> bag) {
  std::size_t length = bag.size();
  while (length > 0 && bag[length - 1] == kPadding) --length;
  return length;
}

}  // namespace

void cut_window(const WindowShape& shape, std::span<const std::int32_t> raw,
                std::span<const std::int32_t> documents, std::span<std::int64_t> inputs,
                std::span<std::int64_t> targets) {
  const std::int64_t length = shape.sequence_length;
  const auto [a_signed, b_signed] = shape.bags;
  util::require(length >= 1 && a_signed >= 1 && b_signed >= 1,
                "window: sequence_length, bag_size and target_size must be >= 1, got ", length,
                ", ", a_signed, ", ", b_signed);
  check_size("raw", raw.size(), shape.length());
  check_size("inputs", inputs.size(), length * a_signed);
  check_size("targets", targets.size(), length * b_signed);
  if (!documents.empty()) check_size("documents", documents.size(), shape.length());

  std::copy_n(raw.begin(), inputs.size(), inputs.begin());
  const auto a = static_cast<std::size_t>(a_signed);
  const auto b = static_cast<std::size_t>(b_signed);
  for (std::size_t j = 0; j < static_cast<std::size_t>(length); ++j) {
    const std::size_t used = length_without_padding(raw.subspan(j * a, a));
    util::require(used > 0, "window: bag must hold a token, got padding alone in bag ", j);
    const std::size_t last = j * a + used - 1;
    for (std::size_t i = 0; i < b; ++i) {
      const std::size_t position = (j + 1) * a + i;
      const bool same_document = documents.empty() || documents[position] == documents[last];
      const bool valid = same_document && raw[position] != kPadding;
      targets[j * b + i] = valid ? raw[position] : kIgnoredTarget;
    }
  }
}

}  // namespace superpose::superposition
