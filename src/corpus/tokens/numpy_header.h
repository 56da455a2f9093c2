// The header of NumPy's .npy files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "corpus/shards/token_type.h"

namespace superpose::corpus {

inline constexpr std::string_view kNumpyMagic{"\x93NUMPY", 6};

// What stands in front of the numbers of a file that numpy.save wrote:
//
//   6 bytes   magic
//   u8, u8    version, major and minor
//   u16       N, the length of the text; u32 in versions 2 and 3
//   N bytes   text {'descr': '<u2', 'fortran_order': False, 'shape': (12,), }
//   then      the numbers
struct NumpyHeader {
  TokenType type = TokenType::kU16;
  std::int64_t first_byte = 0;  // of the numbers
  std::int64_t count = 0;
};

// Throws util::Error, opened by `name`: another dtype than little-endian whole numbers, more than
// one dimension, a size that is not what the header says.
NumpyHeader parse_numpy_header(std::span<const std::byte> file, const std::string& name);

}  // namespace superpose::corpus
