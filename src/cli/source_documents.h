// Documents of files that a command line names, cut off at a number of bytes.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "corpus/readers/document_reader.h"
#include "corpus/sources/sources.h"

namespace superpose::cli {

// The files that the words of a command line name: files, folders, globs. What is found in folders
// and holds no text is left out, and said on `out`. Throws util::Error as corpus::list_sources, and
// for a file that is named itself and holds no text.
std::vector<corpus::SourceFile> list_text_files(const std::vector<std::string>& sources,
                                                std::ostream& out);

// The documents of several files, one after the other, and no more than some bytes of them.
class SourceDocuments {
 public:
  // `max_bytes` of text; 0 = all.
  SourceDocuments(std::vector<corpus::SourceFile> files, corpus::ReadOptions options,
                  std::int64_t max_bytes);

  // Puts the next document into `text`; false at the end. The document that takes the total beyond
  // max_bytes is cut, at the beginning of a UTF-8 character.
  bool next(std::string& text);

  // How much of the work lies behind, in [0, 1]: of the files' bytes or of max_bytes.
  double share_done() const;
  std::int64_t bad_records() const;
  // Large files in which the separator was not found, of those that are read to their end.
  const std::vector<std::string>& undivided() const { return undivided_; }

 private:
  void finish_file();

  std::vector<corpus::SourceFile> files_;
  corpus::ReadOptions options_;
  std::int64_t max_bytes_;
  std::unique_ptr<corpus::DocumentReader> reader_;
  std::size_t next_file_ = 0;
  std::int64_t file_bytes_ = 0;       // of all files
  std::int64_t file_bytes_done_ = 0;  // of those that are read to their end
  std::int64_t text_bytes_ = 0;
  std::int64_t bad_records_ = 0;  // of those, too
  std::vector<std::string> undivided_;
  std::int64_t file_documents_ = 0;  // of the file that is open
};

}  // namespace superpose::cli
