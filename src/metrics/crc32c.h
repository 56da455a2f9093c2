// The checksums of TFRecord files.
#pragma once

#include <cstdint>
#include <string_view>

namespace superpose::metrics {

// CRC-32C (Castagnoli polynomial, reflected), as in TFRecord files:
// crc32c("123456789") = 0xE3069283.
std::uint32_t crc32c(std::string_view bytes);

// TFRecord's mask: rotated and offset, so that a checksum of data that holds checksums stays a good
// one.
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace superpose::metrics
