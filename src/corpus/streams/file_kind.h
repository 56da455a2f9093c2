// What a file is, by its first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace superpose::corpus {

// How the bytes of a file become documents.
enum class Content : std::uint8_t {
  kText,  // as they are, or as JSON lines
  kGzip,  // once decompressed
  kZstd,
  kXz,
  kParquet,
  kTokens,  // not as text: token files are read in place
  kOther,   // not at all
  kBinary   // not at all: without a known magic, and not text either
};

struct FileKind {
  Content content = Content::kText;
  std::string name = {};  // "a PNG image"; empty for text
  std::string hint = {};  // what its owner can do, where that is more than to leave it out

  bool operator==(const FileKind&) const = default;
};

// As many of a file's first bytes as kind_of looks at.
inline constexpr std::size_t kHeadBytes = 8192;

// What a file is, or what is compressed in it, by its first bytes: by a known magic (a table in the
// source), else text or not. Not text are UTF-16 and UTF-32, and what has a zero byte or is mostly
// not UTF-8.
FileKind kind_of(std::string_view head);

// The same for a file that is to hold token ids, which may begin with any bytes: only a magic too
// long to be an accident counts, and none where it is that of a token file.
std::optional<FileKind> foreign_to_tokens(std::string_view head);

}  // namespace superpose::corpus
