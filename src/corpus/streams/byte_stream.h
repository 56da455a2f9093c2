// Files as streams of bytes, decompressed where they are compressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "corpus/streams/file_kind.h"

namespace superpose::corpus {

// The bytes of a file from its first to its last, each once.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Fills a front part of `out` (not empty) and returns its size; 0 only at the end. Throws
  // util::Error naming the file and, where it is damaged, the position.
  virtual std::size_t read(std::span<char> out) = 0;

  // Bytes of the file, as it lies on disk, that have been read so far.
  virtual std::int64_t bytes_read() const = 0;
};

// The file as it is. Throws util::Error for a folder and for a file that cannot be opened.
std::unique_ptr<ByteStream> open_raw(const std::filesystem::path& path);

// The bytes of a file, or of what is compressed in it, and what they are.
struct Decompressed {
  std::unique_ptr<ByteStream> bytes;
  FileKind kind;
  bool was_compressed = false;
};

// Opens a file and, as long as what comes out is compressed in one of these ways, decompresses it:
//
//   gzip (RFC 1952)        any number of members
//   Zstandard (RFC 8878)   any number of frames, windows up to 2 GiB
//   xz                     any number of streams
//
// Each is known by how it begins, whatever the file is called; where that says nothing, by an
// ending of the name: .gz, .gzip, .zst, .zstd, .xz, in either case. A stream that is damaged, cut
// off or followed by anything else is a util::Error that names the file and the position in the
// compressed bytes; so is a file with such a name and without a byte.
Decompressed open_decompressed(const std::filesystem::path& path);

// The first bytes of a file as it is, kHeadBytes at most.
std::string read_head(const std::filesystem::path& path);

// The name without the endings that open_decompressed understands.
std::filesystem::path without_compression_endings(const std::filesystem::path& path);

}  // namespace superpose::corpus
