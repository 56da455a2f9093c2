#include <span>

#include "checkpoint/safetensors_header.h"
#include "fuzz/targets.h"
#include "util/error.h"

namespace superpose::fuzz {

void safetensors(std::string_view input) {
  checkpoint::Header header;
  try {
    header = checkpoint::parse_header(std::as_bytes(std::span(input)), "input");
  } catch (const util::Error&) {
    return;
  }
  // Whoever reads a tensor stays inside the file.
  expect(header.data_begin <= input.size());
  for (const auto& [name, entry] : header.entries) {
    expect(entry.begin <= entry.end && entry.end <= input.size() - header.data_begin);
    for (const std::int64_t size : entry.shape) expect(size >= 0);
  }
}

}  // namespace superpose::fuzz
