#pragma once

#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "checkpoint/safetensors.h"

namespace superpose::checkpoint {

// The header of a safetensors file:
//
//   bytes 0..7     N, u64 little-endian, <= 100,000,000
//   bytes 8..8+N   JSON {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets"},
//   ...}
//                  that begins with '{' and may end with spaces
//   then           the data; offsets count from here
inline constexpr std::uint64_t kLengthBytes = 8;
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::string_view kMetadataKey = "__metadata__";

struct Dtype {
  std::string_view name;
  std::uint64_t bits;                     // of one element
  std::optional<c10::ScalarType> scalar;  // nothing: libtorch has no tensor of it
};

// Nothing for a name that the format does not know.
const Dtype* find_dtype(std::string_view name);
// Nothing for a type that the format has no name for.
const Dtype* find_dtype(c10::ScalarType scalar);

struct Header {
  std::map<std::string, std::string> metadata;
  std::map<std::string, SafetensorsFile::Entry> entries;
  std::uint64_t data_begin = 0;  // of the file
};

// Reads and checks a whole file's header (rules at SafetensorsFile). `who` begins every message.
Header parse_header(std::span<const std::byte> file, const std::string& who);

}  // namespace superpose::checkpoint
