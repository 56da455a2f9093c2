#include "corpus/readers/document_reader.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "corpus/readers/json_documents.h"
#include "corpus/readers/parquet_documents.h"
#include "corpus/readers/text_documents.h"
#include "corpus/streams/byte_stream.h"
#include "corpus/streams/file_ending.h"
#include "util/error.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kJsonEndings{".jsonl", ".ndjson", ".json"};
constexpr std::string_view kParquetEnding = ".parquet";
// As text these would be noise that nobody asked for, also where they begin like nothing known.
constexpr std::array<std::string_view, 8> kUnreadableEndings{".bz2", ".lz4", ".br",  ".zip",
                                                             ".7z",  ".rar", ".tar", ".tgz"};

bool is_one_of(const std::string& ending, std::span<const std::string_view> endings) {
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

// Of what is compressed in it, where something is.
std::string inner_ending(const fs::path& path) {
  return file_ending(without_compression_endings(path));
}

bool has_magic(const FileKind& kind) {
  return kind.content != Content::kText && kind.content != Content::kBinary;
}

// A damaged one is known by its name alone.
bool is_parquet(const FileKind& kind, const std::string& ending) {
  return kind.content == Content::kParquet || (!has_magic(kind) && ending == kParquetEnding);
}

// Of a file whose name says what its first bytes do not.
std::optional<Unreadable> unreadable_by_name(const fs::path& path, const std::string& ending) {
  if (is_one_of(ending, kUnreadableEndings)) {
    return Unreadable{"a file of kind " + ending,
                      "files of kind " + ending + " cannot be read: unpack it, or leave it out"};
  }
  if (has_token_ending(without_compression_endings(path))) {
    return Unreadable{"a token file by its name",
                      "holds token ids by its name, not text: token files are read in place, "
                      "unpacked, and by themselves"};
  }
  return std::nullopt;
}

std::optional<Unreadable> unreadable_by_kind(const Decompressed& file) {
  const FileKind& kind = file.kind;
  if (kind.content == Content::kText || kind.content == Content::kParquet) return std::nullopt;
  const std::string verb = file.was_compressed ? "holds " : "is ";
  const std::string comma = kind.content == Content::kBinary ? ", not text: " : ": ";
  return Unreadable{kind.name,
                    verb + kind.name + (kind.hint.empty() ? ", not text" : comma + kind.hint)};
}

std::optional<Unreadable> find_unreadable(const fs::path& path, const Decompressed& file) {
  const std::string ending = inner_ending(path);
  if (!has_magic(file.kind)) {
    if (ending == kParquetEnding) return std::nullopt;
    if (auto by_name = unreadable_by_name(path, ending)) return by_name;
  }
  return unreadable_by_kind(file);
}

}  // namespace

std::optional<Unreadable> find_unreadable(const fs::path& path) {
  return find_unreadable(path, open_decompressed(path));
}

bool has_separators(const fs::path& path) {
  const std::string ending = inner_ending(path);
  return ending != kParquetEnding && !is_one_of(ending, kJsonEndings);
}

std::unique_ptr<DocumentReader> open_documents(const fs::path& path, const ReadOptions& options) {
  Decompressed file = open_decompressed(path);
  if (!options.keeps_binary) {
    const std::optional<Unreadable> unreadable = find_unreadable(path, file);
    if (unreadable) util::fail(path.string(), ": ", unreadable->why);
  }
  const std::string ending = inner_ending(path);
  if (is_parquet(file.kind, ending)) {
    util::require(!file.was_compressed, path.string(),
                  ": Parquet compresses by itself: unpack the file");
    return open_parquet_documents(path, options);
  }
  if (is_one_of(ending, kJsonEndings)) {
    return read_json_documents(std::move(file.bytes), path.string(), options);
  }
  return read_text_documents(std::move(file.bytes), options.document_separator);
}

}  // namespace superpose::corpus
