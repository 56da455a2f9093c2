#include <span>

#include "corpus/shards/megatron_index.h"
#include "fuzz/targets.h"
#include "util/error.h"

namespace superpose::fuzz {

void megatron_idx(std::string_view input) {
  corpus::MegatronIndex index;
  try {
    index = corpus::parse_megatron_index(std::as_bytes(std::span(input)), "input");
  } catch (const util::Error&) {
    return;
  }
  // Whoever has a .bin of bin_bytes may read every range of it.
  const auto width = static_cast<std::int64_t>(corpus::token_bytes(index.type));
  std::int64_t num_tokens = 0;
  for (const corpus::FileRange& file_range : index.file_ranges) {
    expect(file_range.num_tokens > 0 && file_range.first_byte >= 0);
    expect(file_range.first_byte + file_range.num_tokens * width <= index.bin_bytes);
    num_tokens += file_range.num_tokens;
  }
  expect(num_tokens == index.num_tokens && num_tokens * width == index.bin_bytes);
  std::int64_t last = 0;
  for (const std::int64_t end : index.document_ends) {
    expect(end > last);
    last = end;
  }
  expect(last == index.num_tokens);
}

}  // namespace superpose::fuzz
