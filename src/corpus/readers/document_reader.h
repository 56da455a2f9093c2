// The documents of a source file, whatever its format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "corpus/readers/read_options.h"

namespace superpose::corpus {

// The documents of one source file, in order. One thread at a time; memory is bounded by the
// largest document.
class DocumentReader {
 public:
  virtual ~DocumentReader() = default;

  // Puts the next document into `text`; false at the end of the file. Throws util::Error naming
  // file and position (line, row or byte) for what cannot be read.
  virtual bool next(std::string& text) = 0;

  // Bytes of the file, as it lies on disk, that have been read so far: for progress.
  virtual std::int64_t bytes_read() const = 0;

  // Records that were left out because of BadRecord::kSkip.
  virtual std::int64_t bad_records() const = 0;
};

// Chooses the reader of a file, or of what is compressed in it (open_decompressed; not Parquet):
//
//   Parquet                  by how it begins
//   .jsonl, .ndjson, .json   by its name: a JSON object per line
//   anything else            text
//
// Throws util::Error for a file that cannot be opened, for what find_unreadable finds, and where
// Parquet is asked of a build without it.
std::unique_ptr<DocumentReader> open_documents(const std::filesystem::path& path,
                                               const ReadOptions& options);

// What no reader makes documents of.
struct Unreadable {
  std::string what;  // "a PNG image"
  std::string why;   // for a message behind the file's name: "is a PNG image, not text"
};

// Of a file that open_documents refuses without options.keeps_binary: an image, an archive, UTF-16,
// a file that holds token ids by its name or by how it begins, ...; nullopt where it reads it.
// Throws util::Error as open_decompressed does.
std::optional<Unreadable> find_unreadable(const std::filesystem::path& path);

// Whether options.document_separator is for the file: it is neither JSON lines nor Parquet by its
// name.
bool has_separators(const std::filesystem::path& path);

}  // namespace superpose::corpus
