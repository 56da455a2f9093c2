// What `superpose data inspect` shows of a corpus: counts, lengths, single documents.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/shards/token_shards.h"

namespace superpose::corpus {

// What the tokens of a corpus look like.
struct Inspection {
  std::int64_t documents = 0;
  std::int64_t tokens = 0;
  std::int64_t text_bytes = 0;
  std::vector<std::int64_t> counts;   // [vocabulary] how often each id occurs
  std::vector<std::int64_t> lengths;  // tokens of each document, ascending
};

// Reads every token once. `bytes_per_id`: [vocabulary], or empty for no text_bytes. Throws
// util::Error as TokenShards::read does.
Inspection inspect(const TokenShards& tokens, std::span<const std::int32_t> bytes_per_id);

// The shortest length that `share` of the documents do not pass; 0 where there is none.
std::int64_t length_quantile(const Inspection& inspection, double share);

// The `count` most frequent ids that occur, the most frequent first, the smaller of equals.
std::vector<std::int32_t> most_frequent(const Inspection& inspection, std::size_t count);

// Which file the documents of a split come from.
class DocumentFiles {
 public:
  DocumentFiles(const PreparedCorpus& corpus, bool held_out);

  // The source's name; "" where an earlier version prepared the corpus, which did not record it.
  std::string name_of(std::int64_t document) const;

 private:
  std::vector<std::string> names_;
  std::vector<std::int64_t> ends_;      // the number behind each file's last document
  std::vector<std::int64_t> left_out_;  // numbers that are counted there and are not documents
};

// The ids of a document. Throws util::Error for one that does not exist.
std::vector<std::int32_t> document_at(const TokenShards& tokens, std::int64_t document);

}  // namespace superpose::corpus
