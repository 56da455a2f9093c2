// Learning merges: count all pairs once, then keep the counts up to date.
//
// Words are held once with how often they occur. A queue gives the most frequent pair; it is merged
// in the words that contain it and nowhere else, and the merge reports by how much the counts of
// the neighbouring pairs have changed (pair_merger.h). Counts of pairs only fall once they are in
// the queue, so an entry that comes up with an old count is put back with the current one, and the
// first entry whose count is current is the maximum. The list of words of a pair is complete when
// it enters the queue: all of its occurrences appear in the merge that makes the later of its two
// tokens.
//
// A merge costs time proportional to the words that hold its pair; frequent pairs are shared out
// among threads by ranges of words, whose changes are added in order, so the result does not depend
// on the number of threads. Memory: 4 bytes per byte of distinct words, and per occurrence of a
// pair.
#include "tokenizer/bpe_merges.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <thread>
#include <unordered_map>

#include "tokenizer/pair_merger.h"
#include "util/error.h"
#include "util/first_error.h"

namespace superpose::tokenizer {
namespace {

// Below this many words a merge takes less time than waking a thread.
constexpr std::size_t kWordsAThread = 8192;

// A pair that waits to be merged; its count may be out of date. A pair enters the queue once: with
// the later of its tokens, all its occurrences come at the same time.
struct Candidate {
  std::int64_t count = 0;
  TokenPair pair = 0;
  std::uint64_t begin = 0;  // of its words in the list of places
  std::uint32_t size = 0;

  // Whether the other one goes first: more frequent, or of smaller ids.
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

class MergeLearner {
 public:
  MergeLearner(SymbolWords words, const MergeOptions& options, std::vector<std::string>& tokens)
      : words_(std::move(words)), options_(options), tokens_(tokens) {
    for (std::uint32_t id = 0; id < tokens.size(); ++id) ids_.emplace(tokens[id], id);
    mergers_.resize(static_cast<std::size_t>(std::max<std::int64_t>(options.threads, 1)));
  }

  std::vector<LearntMerge> run(std::int64_t vocabulary_size) {
    count_pairs();
    while (std::ssize(tokens_) < vocabulary_size && !queue_.empty()) {
      Candidate top = queue_.top();
      queue_.pop();
      const std::int64_t count = counts_[top.pair];
      if (top.count != count) {
        top.count = count;
        queue_.push(top);
        continue;
      }
      if (count < std::max<std::int64_t>(options_.min_count, 1)) break;
      const LearntMerge merge{top.pair, token_of(top.pair)};
      merges_.push_back(merge);
      apply(merge, top);
      if (options_.progress) options_.progress(std::ssize(tokens_));
    }
    return std::move(merges_);
  }

 private:
  void count_pairs();
  std::uint32_t token_of(TokenPair pair);
  void apply(const LearntMerge& merge, const Candidate& candidate);
  void merge_in_words(const LearntMerge& merge, std::span<const std::uint32_t> where);
  void update_counts(const LearntMerge& merge);
  void queue_gained(const LearntMerge& merge);
  void put_in_queue(TokenPair pair, std::span<const std::uint32_t> where);

  SymbolWords words_;
  const MergeOptions& options_;
  std::vector<std::string>& tokens_;
  std::unordered_map<std::string, std::uint32_t> ids_;
  PairCounts counts_;
  std::priority_queue<Candidate> queue_;
  std::vector<std::uint32_t> places_;  // word numbers, ascending within a candidate
  std::vector<PairMerger> mergers_;    // [threads]
  std::vector<LearntMerge> merges_;
};

// Two passes over the words: how many words hold each pair, then which.
void MergeLearner::count_pairs() {
  struct Row {
    std::int64_t count = 0;
    std::uint64_t begin = 0;
    std::uint32_t size = 0;
    std::uint32_t last = std::numeric_limits<std::uint32_t>::max();  // word seen last
  };
  // The words hold no ids but those of the bytes; rows are kept for these alone.
  std::vector<std::uint32_t> ids;
  std::vector<std::size_t> place(tokens_.size(), tokens_.size());
  for (const std::uint32_t id : words_.symbols) {
    if (place[id] < tokens_.size()) continue;
    place[id] = ids.size();
    ids.push_back(id);
  }
  std::vector<Row> rows(ids.size() * ids.size());
  const auto for_each_pair = [&](const auto& visit) {
    for (std::uint32_t word = 0; word < words_.counts.size(); ++word) {
      const std::uint32_t* symbols = words_.symbols.data() + words_.begins[word];
      for (std::size_t i = 0; i + 1 < words_.lengths[word]; ++i) {
        visit(rows[place[symbols[i]] * ids.size() + place[symbols[i + 1]]], word);
      }
    }
  };
  for_each_pair([&](Row& row, std::uint32_t word) {
    row.count += words_.counts[word];
    if (row.last != word) ++row.size;
    row.last = word;
  });
  std::uint64_t total = 0;
  for (Row& row : rows) {
    row.begin = total;
    total += row.size;
    row.size = 0;
    row.last = std::numeric_limits<std::uint32_t>::max();
  }
  places_.resize(total);
  for_each_pair([&](Row& row, std::uint32_t word) {
    if (row.last != word) places_[row.begin + row.size++] = word;
    row.last = word;
  });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].count == 0) continue;
    const TokenPair pair = make_pair_of(ids[i / ids.size()], ids[i % ids.size()]);
    counts_[pair] = rows[i].count;
    queue_.push({rows[i].count, pair, rows[i].begin, rows[i].size});
  }
}

// A spelling that a special token has already keeps that id.
std::uint32_t MergeLearner::token_of(TokenPair pair) {
  std::string spelling = tokens_[first_of(pair)] + tokens_[second_of(pair)];
  const auto [known, is_new] =
      ids_.emplace(std::move(spelling), static_cast<std::uint32_t>(tokens_.size()));
  if (is_new) tokens_.push_back(known->first);
  return known->second;
}

void MergeLearner::apply(const LearntMerge& merge, const Candidate& candidate) {
  merge_in_words(merge, std::span(places_).subspan(candidate.begin, candidate.size));
  update_counts(merge);
  queue_gained(merge);
  mergers_[0].left.clear();
  mergers_[0].right.clear();
}

// Leaves all changes in the first merger.
void MergeLearner::merge_in_words(const LearntMerge& merge, std::span<const std::uint32_t> where) {
  const std::size_t parts =
      std::clamp<std::size_t>(where.size() / kWordsAThread, 1, mergers_.size());
  util::FirstError first_error;
  const auto work = [&](std::size_t part) {
    const std::size_t begin = where.size() * part / parts;
    const std::size_t end = where.size() * (part + 1) / parts;
    first_error.run([&] {
      mergers_[part].reserve(tokens_.size());
      mergers_[part].merge(words_, where.subspan(begin, end - begin), merge);
    });
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t part = 1; part < parts; ++part) threads.emplace_back(work, part);
    work(0);
  }
  first_error.rethrow();
  for (std::size_t part = 1; part < parts; ++part) {
    mergers_[0].left.append(mergers_[part].left);
    mergers_[0].right.append(mergers_[part].right);
  }
}

void MergeLearner::update_counts(const LearntMerge& merge) {
  const std::uint32_t first = first_of(merge.pair), second = second_of(merge.pair);
  const NeighbourChanges& left = mergers_[0].left;
  for (const std::uint32_t id : left.touched()) {
    counts_[make_pair_of(id, first)] -= left.at(id).lost;
    counts_[make_pair_of(id, merge.token)] += left.at(id).gained;
  }
  const NeighbourChanges& right = mergers_[0].right;
  for (const std::uint32_t id : right.touched()) {
    counts_[make_pair_of(second, id)] -= right.at(id).lost;
    counts_[make_pair_of(merge.token, id)] += right.at(id).gained;
  }
}

void MergeLearner::queue_gained(const LearntMerge& merge) {
  const NeighbourChanges& left = mergers_[0].left;
  for (const std::uint32_t id : left.touched()) {
    put_in_queue(make_pair_of(id, merge.token), left.at(id).words);
  }
  const NeighbourChanges& right = mergers_[0].right;
  for (const std::uint32_t id : right.touched()) {
    put_in_queue(make_pair_of(merge.token, id), right.at(id).words);
  }
}

void MergeLearner::put_in_queue(TokenPair pair, std::span<const std::uint32_t> where) {
  const std::int64_t count = counts_[pair];
  if (count <= 0) return;
  queue_.push({count, pair, places_.size(), static_cast<std::uint32_t>(where.size())});
  places_.insert(places_.end(), where.begin(), where.end());
}

}  // namespace

SymbolWords symbols_of(WordCounts&& counts, const std::array<std::uint32_t, 256>& ids) {
  SymbolWords words;
  std::size_t bytes = 0;
  for (const WordTally& part : counts.parts) bytes += part.text_bytes();
  const auto num_words = static_cast<std::size_t>(counts.distinct_words());
  util::require(num_words < std::numeric_limits<std::uint32_t>::max(),
                "tokenizer train: too many distinct words, got ", num_words);
  words.symbols.reserve(bytes);
  words.begins.reserve(num_words + 1);
  words.lengths.reserve(num_words);
  words.counts.reserve(num_words);
  for (WordTally& part : counts.parts) {
    part.for_each([&](std::string_view word, std::int64_t count) {
      if (word.size() < 2) return;
      words.begins.push_back(words.symbols.size());
      words.lengths.push_back(static_cast<std::uint32_t>(word.size()));
      words.counts.push_back(count);
      for (const char c : word) words.symbols.push_back(ids[static_cast<unsigned char>(c)]);
    });
    part.release();
  }
  words.begins.push_back(words.symbols.size());
  return words;
}

std::vector<LearntMerge> learn_merges(SymbolWords words, std::int64_t vocabulary_size,
                                      const MergeOptions& options,
                                      std::vector<std::string>& tokens) {
  return MergeLearner(std::move(words), options, tokens).run(vocabulary_size);
}

}  // namespace superpose::tokenizer
