// From the files of a corpus to batches of documents, the first stage of a preparation.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "corpus/data_config.h"
#include "corpus/prepare/document_batch.h"
#include "corpus/prepare/document_rules.h"
#include "corpus/readers/document_reader.h"
#include "corpus/sources/sources.h"

namespace superpose::corpus {

// A position between two documents of a corpus.
struct ReadPosition {
  std::int64_t source = 0;   // index of the file
  std::int64_t records = 0;  // of it that lie behind
};

// How the documents of a recipe's files are read.
ReadOptions read_options(const DataConfig& config);

// Reads the documents of a corpus in order, decides where each one goes and packs them into
// batches. A batch never holds documents of two files; every file ends with a batch, be it an empty
// one.
class BatchReader {
 public:
  // `rules` outlives the reader.
  BatchReader(ReadOptions reading, std::vector<SourceFile> sources, DocumentRules& rules,
              ReadPosition start);

  // False at the end of the corpus. Throws util::Error naming file and position for what cannot be
  // read, and a file that changed since it was listed.
  bool next(DocumentBatch& batch);

 private:
  void open();
  std::unique_ptr<DocumentReader> open_reader(const SourceFile& source) const;
  bool read_document(DocumentBatch& batch);
  void close(DocumentBatch& batch);

  ReadOptions reading_;
  std::vector<SourceFile> sources_;
  DocumentRules& rules_;
  ReadPosition at_;
  std::unique_ptr<DocumentReader> reader_;  // of the file that is open
  std::future<std::uint64_t> hash_;         // of it, computed meanwhile
  std::jthread hashing_;
  std::string text_;
};

}  // namespace superpose::corpus
