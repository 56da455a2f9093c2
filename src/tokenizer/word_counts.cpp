#include "tokenizer/word_counts.h"

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "util/first_error.h"

namespace superpose::tokenizer {
namespace {

constexpr int kPartBits = 6;
// Of a thread's own table: the frequent words of a language, within a core's cache.
constexpr std::size_t kOwnWords = std::size_t{1} << 16;
constexpr std::size_t kOwnBytes = std::size_t{1} << 24;

// The shared tables; the top bits of a word's hash say which.
class SharedTally {
 public:
  void add(std::string_view word, std::int64_t count) {
    const std::uint64_t hash = WordTally::hash_of(word);
    Part& part = parts_[hash >> (64 - kPartBits)];
    const std::lock_guard lock(part.mutex);
    part.tally.add(word, hash, count);
  }

  std::vector<WordTally> take() {
    std::vector<WordTally> tallies;
    for (Part& part : parts_) tallies.push_back(std::move(part.tally));
    return tallies;
  }

 private:
  struct Part {
    std::mutex mutex;
    WordTally tally;
  };
  std::array<Part, std::size_t{1} << kPartBits> parts_;
};

// One thread's work: pieces from the stream into the shared tables.
class WordCounter {
 public:
  WordCounter(SplitPattern pattern, SharedTally& shared) : splitter_(pattern), shared_(shared) {}

  void run(DocumentPieces& documents) {
    std::vector<DocumentPiece> pieces;
    while (documents.take(pieces)) {
      for (const DocumentPiece& piece : pieces) count(piece.text);
    }
    flush();
  }

  std::int64_t words() const { return words_; }

 private:
  void count(std::string_view text) {
    splitter_.split(text, found_);
    for (const std::string_view word : found_) own_.add(word, WordTally::hash_of(word), 1);
    words_ += std::ssize(found_);
    if (own_.size() >= kOwnWords || own_.text_bytes() >= kOwnBytes) flush();
  }

  void flush() {
    own_.for_each([&](std::string_view word, std::int64_t count) { shared_.add(word, count); });
    own_.clear();
  }

  WordSplitter splitter_;
  SharedTally& shared_;
  WordTally own_;
  std::vector<std::string_view> found_;
  std::int64_t words_ = 0;
};

}  // namespace

std::int64_t WordCounts::distinct_words() const {
  std::int64_t total = 0;
  for (const WordTally& part : parts) total += static_cast<std::int64_t>(part.size());
  return total;
}

WordCounts count_words(const NextDocument& next, const CountingOptions& options) {
  DocumentPieces documents(next, options.progress);
  SharedTally shared;
  std::atomic<std::int64_t> words = 0;
  util::FirstError first_error;
  const auto work = [&] {
    first_error.run([&] {
      WordCounter counter(options.pattern, shared);
      counter.run(documents);
      words += counter.words();
    });
  };
  {
    std::vector<std::jthread> threads;
    for (std::int64_t i = 1; i < options.threads; ++i) threads.emplace_back(work);
    work();
  }
  first_error.rethrow();
  return {shared.take(), documents.documents(), documents.bytes(), words};
}

}  // namespace superpose::tokenizer
