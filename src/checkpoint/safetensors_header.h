// The header of safetensors files: read and checked, without libtorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::checkpoint {

// The header of a safetensors file:
//
//   bytes 0..7    N, u64 little-endian, <= 100,000,000
//   bytes 8..8+N  JSON {"__metadata__": {text: text},
//                       name: {"dtype", "shape", "data_offsets"}, ...}
//                 that begins with '{' and may end with spaces
//   then          the data; offsets count from here
inline constexpr std::uint64_t kLengthBytes = 8;
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::string_view kMetadataKey = "__metadata__";

// A tensor as the header describes it.
struct TensorEntry {
  std::string dtype;                // spelling of the file, such as "F32"
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::uint64_t begin = 0;          // bytes from the start of the data
  std::uint64_t end = 0;
};

struct Header {
  std::map<std::string, std::string> metadata;
  std::map<std::string, TensorEntry> entries;
  std::uint64_t data_begin = 0;  // of the file
};

// Reads and checks a whole file's header (rules at SafetensorsFile). `who` begins every message.
Header parse_header(std::span<const std::byte> file, const std::string& who);

}  // namespace superpose::checkpoint
