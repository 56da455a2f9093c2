// The words of a corpus and how often each occurs, counted on several threads.
#pragma once

#include <cstdint>
#include <vector>

#include "tokenizer/document_pieces.h"
#include "tokenizer/word_splitter.h"
#include "tokenizer/word_tally.h"

namespace superpose::tokenizer {

// The distinct words of a corpus with their counts: parts that share no word.
struct WordCounts {
  std::vector<WordTally> parts;
  std::int64_t documents = 0;
  std::int64_t bytes = 0;
  std::int64_t words = 0;  // with repetitions

  std::int64_t distinct_words() const;
};

struct CountingOptions {
  SplitPattern pattern = SplitPattern::kGpt2;
  std::int64_t threads = 1;
  DocumentPieces::Progress progress = {};
};

// Splits every document by itself, as Hugging Face's train_from_iterator does, and counts its
// words. Each thread counts into a small table and empties it into the shared parts when it is
// full, so memory is that of the distinct words, a few MiB and one document per thread. Words and
// counts do not depend on the number of threads. Passes on what `next` throws.
WordCounts count_words(const NextDocument& next, const CountingOptions& options);

}  // namespace superpose::tokenizer
