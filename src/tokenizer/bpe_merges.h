// Learning merges from words and their counts.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tokenizer/pair_counts.h"
#include "tokenizer/word_counts.h"

namespace superpose::tokenizer {

// Distinct words as token ids, one word behind the other, and how often each occurs.
struct SymbolWords {
  std::vector<std::uint32_t> symbols;
  std::vector<std::uint64_t> begins;   // [words + 1]
  std::vector<std::uint32_t> lengths;  // [words], tokens left: merged words shrink in place
  std::vector<std::int64_t> counts;    // [words]
};

// The words of two bytes or more; `counts` is emptied on the way. ids[byte] is a byte's token.
SymbolWords symbols_of(WordCounts&& counts, const std::array<std::uint32_t, 256>& ids);

// One learnt merge: the pair, and the token that it becomes.
struct LearntMerge {
  TokenPair pair = 0;
  std::uint32_t token = 0;
};

struct MergeOptions {
  std::int64_t min_count = 1;
  std::int64_t threads = 1;
  // Called after each merge with the number of tokens so far; may be empty.
  std::function<void(std::int64_t tokens)> progress = {};
};

// Byte-pair encoding (Sennrich et al. 2016, section 3.2): joins the most frequent pair of
// neighbouring tokens, again and again, until there are `vocabulary_size` tokens or no pair occurs
// `min_count` times. Of pairs that are equally frequent the one with the smaller ids comes first,
// as in Hugging Face's BpeTrainer (docs/formats/tokenizer-training.md). Does not depend on the
// number of threads, nor on the order of the words.
//
//   tokens   spelling of each id; the new ones are appended
//   returns  merges in their order
std::vector<LearntMerge> learn_merges(SymbolWords words, std::int64_t vocabulary_size,
                                      const MergeOptions& options,
                                      std::vector<std::string>& tokens);

}  // namespace superpose::tokenizer
