// The unit of work of a preparation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/sources/source_record.h"

namespace superpose::corpus {

struct BatchDocument {
  std::size_t text_end = 0;  // in DocumentBatch::text
  std::uint64_t content = 0;
  bool held_out = false;
  std::size_t tokens_end = 0;  // in DocumentBatch::tokens, in bytes; once encoded
};

// Some documents of one source file on their way from the reader over a tokenizer to the shards.
struct DocumentBatch {
  std::int64_t source = 0;   // index of the file
  std::int64_t records = 0;  // documents that were read for it, kept or not
  std::vector<BatchDocument> documents;
  std::string text;               // of the documents, one after the other
  std::vector<std::byte> tokens;  // likewise, as the shards hold them; once encoded
  DocumentCounts counts;          // of what is not in `documents`
  std::int64_t bytes_read = 0;    // of the file, up to here
  bool ends_source = false;
  std::uint64_t source_hash = 0;  // of the file, where it ends here

  std::string_view text_of(std::size_t index) const {
    const std::size_t begin = index == 0 ? 0 : documents[index - 1].text_end;
    return std::string_view(text).substr(begin, documents[index].text_end - begin);
  }
  std::size_t tokens_begin(std::size_t index) const {
    return index == 0 ? 0 : documents[index - 1].tokens_end;
  }
};

}  // namespace superpose::corpus
