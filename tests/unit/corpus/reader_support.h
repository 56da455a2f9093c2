// Documents read back, for the tests of the readers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "corpus/readers/document_reader.h"
#include "corpus_support.h"

namespace superpose::test {

// All documents of a file.
inline std::vector<std::string> read_documents(const std::filesystem::path& path,
                                               const corpus::ReadOptions& options = {}) {
  const auto reader = corpus::open_documents(path, options);
  std::vector<std::string> documents;
  std::string text;
  while (reader->next(text)) documents.push_back(text);
  return documents;
}

// Exit status of a script of this folder; kSkipped where a package that it needs is absent.
inline int run_script(const std::string& script, const std::string& arguments) {
  return run_command(python() + " " SUPERPOSE_SOURCE_DIR "/tests/unit/corpus/" + script + " " +
                     arguments);
}

}  // namespace superpose::test
