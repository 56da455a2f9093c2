#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace superpose::data {

// The bytes of a file from its first to its last, each once.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Fills a front part of `out` (not empty) and returns its size; 0 only at the end. Throws
  // util::Error naming the file and, where it is damaged, the place.
  virtual std::size_t read(std::span<char> out) = 0;

  // Bytes of the file, as it lies on disk, that have been read so far.
  virtual std::int64_t bytes_read() const = 0;
};

// The file as it is. Throws util::Error for a folder and for a file that cannot be opened.
std::unique_ptr<ByteStream> open_raw(const std::filesystem::path& path);

// What is compressed in the file, by the last ending of its name, in either case:
//
//   .gz    gzip (RFC 1952), any number of members
//   .zst   Zstandard (RFC 8878), any number of frames, windows up to 2 GiB
//   .xz    any number of streams
//   else   the file as it is
//
// A stream that is damaged, cut off or followed by anything else is a util::Error that names the
// file and the place in the compressed file; so is a file without a byte.
std::unique_ptr<ByteStream> open_decompressed(const std::filesystem::path& path);

// The name without an ending that open_decompressed understands.
std::filesystem::path without_compression_ending(const std::filesystem::path& path);

}  // namespace superpose::data
