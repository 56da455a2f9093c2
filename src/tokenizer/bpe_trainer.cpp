#include "tokenizer/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "tokenizer/bpe_merges.h"
#include "tokenizer/bytes.h"
#include "tokenizer/word_counts.h"
#include "util/error.h"
#include "util/resources.h"
#include "util/utf8.h"

namespace superpose::tokenizer {
namespace {

constexpr std::int64_t kNumBytes = 256;

std::vector<std::string> without_repeats(const std::vector<std::string>& texts) {
  std::vector<std::string> kept;
  for (const std::string& text : texts) {
    if (std::find(kept.begin(), kept.end(), text) == kept.end()) kept.push_back(text);
  }
  return kept;
}

// Appends the characters of the bytes, in the order of their code points, to the special tokens
// that are there; a character that is a special token keeps that id. Returns the ids by byte.
std::array<std::uint32_t, 256> add_bytes(std::vector<std::string>& tokens) {
  const std::array<std::string, 256> alphabet = byte_level_alphabet();
  std::array<std::size_t, 256> order;
  std::iota(order.begin(), order.end(), 0U);
  // UTF-8 sorts as code points do.
  std::sort(order.begin(), order.end(),
            [&](std::size_t x, std::size_t y) { return alphabet[x] < alphabet[y]; });
  const auto num_special = std::ssize(tokens);
  std::array<std::uint32_t, 256> ids;
  for (const std::size_t byte : order) {
    const auto special = std::find(tokens.begin(), tokens.begin() + num_special, alphabet[byte]);
    ids[byte] = static_cast<std::uint32_t>(special - tokens.begin());
    if (special != tokens.begin() + num_special) continue;
    ids[byte] = static_cast<std::uint32_t>(tokens.size());
    tokens.push_back(alphabet[byte]);
  }
  return ids;
}

WordCounts count(const BpeSettings& settings, const NextDocument& next,
                 const TrainingCallback& progress) {
  DocumentPieces::Progress counted;
  if (progress) {
    counted = [&](std::int64_t documents, std::int64_t bytes) {
      progress({.counting = true, .documents = documents, .bytes = bytes});
    };
  }
  return count_words(
      next,
      {.pattern = settings.pattern, .threads = settings.threads, .progress = std::move(counted)});
}

}  // namespace

void BpeSettings::validate() const {
  for (const std::string& text : special_tokens) {
    util::require(!text.empty(), "--special: must not be empty");
    util::require(util::first_invalid_utf8(text) == text.size(), "--special: must be UTF-8, got ",
                  text);
  }
  const std::int64_t fewest = kNumBytes + std::ssize(without_repeats(special_tokens));
  util::require(
      vocabulary_size >= fewest && vocabulary_size <= std::numeric_limits<std::int32_t>::max(),
      "--vocab-size: must lie in [", fewest,
      ", 2^31 - 1] (256 bytes and the special tokens are part of it), got ", vocabulary_size);
  util::require(min_frequency >= 0, "--min-frequency: must be >= 0, got ", min_frequency);
  util::require(threads >= 1 && threads <= util::kMostThreads, "--threads: must lie in [1, ",
                util::kMostThreads, "], got ", threads);
}

TrainedBpe train_bpe(const BpeSettings& settings, const NextDocument& next,
                     const TrainingCallback& progress) {
  settings.validate();
  TrainedBpe trained;
  trained.tokens = without_repeats(settings.special_tokens);
  trained.pattern = settings.pattern;
  trained.num_special = std::ssize(trained.tokens);
  const std::array<std::uint32_t, 256> ids = add_bytes(trained.tokens);

  WordCounts counts = count(settings, next, progress);
  trained.documents = counts.documents;
  trained.bytes = counts.bytes;
  trained.words = counts.words;
  trained.distinct_words = counts.distinct_words();
  util::require(counts.words > 0, "tokenizer train: no text in ", counts.documents, " documents");

  MergeOptions options{.min_count = settings.min_frequency, .threads = settings.threads};
  if (progress) {
    options.progress = [&](std::int64_t tokens) {
      progress({.counting = false,
                .documents = trained.documents,
                .bytes = trained.bytes,
                .tokens = tokens});
    };
  }
  for (const LearntMerge& merge : learn_merges(symbols_of(std::move(counts), ids),
                                               settings.vocabulary_size, options, trained.tokens)) {
    trained.merges.emplace_back(first_of(merge.pair), second_of(merge.pair));
  }
  return trained;
}

}  // namespace superpose::tokenizer
