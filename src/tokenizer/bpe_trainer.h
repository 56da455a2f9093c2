// Training of a byte-level BPE vocabulary on documents.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/document_pieces.h"
#include "tokenizer/word_splitter.h"

namespace superpose::tokenizer {

struct BpeSettings {
  // With the special tokens and the 256 bytes.
  std::int64_t vocabulary_size = 0;
  // Their ids are 0, 1, ...; one that is given twice counts once.
  std::vector<std::string> special_tokens = {};
  // A pair that occurs less often is not merged; 0 is 1.
  std::int64_t min_frequency = 2;
  SplitPattern pattern = SplitPattern::kGpt2;
  std::int64_t threads = 1;

  // Throws util::Error.
  void validate() const;
};

struct TrainingProgress {
  bool counting = true;  // reading and counting words; then merging
  std::int64_t documents = 0;
  std::int64_t bytes = 0;
  std::int64_t tokens = 0;  // of the vocabulary, while merging
};
using TrainingCallback = std::function<void(const TrainingProgress&)>;

struct TrainedBpe {
  std::int64_t num_special = 0;  // the first ids
  // Text of each id: special tokens as they are, others in characters of the byte-level alphabet.
  std::vector<std::string> tokens;
  // Ids of the two parts, in the order in which they are merged.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> merges;
  SplitPattern pattern = SplitPattern::kGpt2;

  // Of the text.
  std::int64_t documents = 0;
  std::int64_t bytes = 0;
  std::int64_t words = 0;
  std::int64_t distinct_words = 0;
};

// Trains byte-level BPE to the vocabulary and merges of Hugging Face's BpeTrainer
// (train_from_iterator over the documents, ByteLevel alphabet; docs/formats/tokenizer-training.md).
// A text too small for the vocabulary gives fewer tokens. The result does not depend on the number
// of threads. `next` and `progress` (may be empty) are called by one thread at a time.
//
// Throws util::Error for settings out of range, and where there are no words.
TrainedBpe train_bpe(const BpeSettings& settings, const NextDocument& next,
                     const TrainingCallback& progress = {});

}  // namespace superpose::tokenizer
