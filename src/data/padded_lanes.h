// Where rows begin in a document-aware stream, whose documents are padded to whole bags.
#pragma once

#include <cstdint>
#include <vector>

#include "data/token_stream.h"

namespace superpose::data {

// Distances along the lanes of a document-aware stream for one bag size, where every piece
// (token_stream.h) counts as padded to a multiple of it. Keeps one number per document; a question
// costs O(log documents) for each block that it spans.
class PaddedLanes {
 public:
  // `stream` must outlive this.
  PaddedLanes(const TokenStream& stream, std::int64_t bag_size);

  // Padded length of a lane from a cursor to the end of the cursor's epoch.
  std::int64_t rest_of_epoch(std::int64_t lane, std::int64_t cursor) const;

  // The cursor a padded distance further on: a multiple of bag_size, at most rest_of_epoch.
  std::int64_t advance(std::int64_t lane, std::int64_t cursor, std::int64_t distance) const;

 private:
  std::int64_t padded(std::int64_t length) const;
  std::int64_t padded_length(const corpus::TokenRange& range) const;
  std::int64_t find(const corpus::TokenRange& range, std::int64_t distance) const;
  corpus::TokenRange range_at(std::int64_t lane, std::int64_t cursor) const;

  const TokenStream& stream_;
  std::int64_t bag_size_;
  std::vector<std::int64_t> padded_ends_;  // of each document, all documents padded
};

}  // namespace superpose::data
