#pragma once

#include <filesystem>
#include <memory>

#include "data/byte_stream.h"

// What is compressed in a file, whatever its name; errors as at open_decompressed.
namespace superpose::data {

std::unique_ptr<ByteStream> open_gzip(const std::filesystem::path& path);
std::unique_ptr<ByteStream> open_zstd(const std::filesystem::path& path);
std::unique_ptr<ByteStream> open_xz(const std::filesystem::path& path);

}  // namespace superpose::data
