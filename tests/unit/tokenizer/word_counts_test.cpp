#include "tokenizer/word_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tokenizer/document_pieces.h"
#include "tokenizer/word_splitter.h"
#include "tokenizer/word_tally.h"
#include "util/random.h"

namespace superpose::tokenizer {
namespace {

using ::testing::ElementsAre;

constexpr SplitPattern kPatterns[] = {SplitPattern::kGpt2, SplitPattern::kLlama3,
                                      SplitPattern::kQwen2};

// Letters, digits, spaces, line ends, signs, other scripts and broken UTF-8 in any order.
std::string mixed_text(std::size_t size, std::uint64_t seed) {
  const std::vector<std::string> parts = {"a",      "Z",  "q",      " ",  "  ",   "\n",   "'s",
                                          "7",      ".",  "\u00e9", "漢", "\xff", "\xe6", "e\u0301",
                                          "\u00a0", "\t", "don't ", ", ", "42",   " b",   "X "};
  std::string text;
  for (std::uint64_t i = 0; text.size() < size; ++i) {
    text += parts[util::random_bits(seed, i) % parts.size()];
  }
  return text;
}

std::map<std::string, std::int64_t> as_map(const WordCounts& counts) {
  std::map<std::string, std::int64_t> words;
  for (const WordTally& part : counts.parts) {
    part.for_each([&](std::string_view word, std::int64_t count) {
      EXPECT_TRUE(words.emplace(word, count).second) << "in two parts: " << word;
    });
  }
  return words;
}

NextDocument documents_of(std::vector<std::string> texts) {
  return [texts = std::move(texts), at = std::size_t{0}](std::string& text) mutable {
    if (at == texts.size()) return false;
    text = texts[at++];
    return true;
  };
}

TEST(WordTally, CountsAsAMapDoes) {
  WordTally tally;
  std::map<std::string, std::int64_t> expected;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const std::string word = std::to_string(util::random_bits(1, i) % 7000);
    const auto count = static_cast<std::int64_t>(i % 5 + 1);
    tally.add(word, WordTally::hash_of(word), count);
    expected[word] += count;
  }
  std::map<std::string, std::int64_t> found;
  std::size_t bytes = 0;
  tally.for_each([&](std::string_view word, std::int64_t count) {
    found.emplace(word, count);
    bytes += word.size();
  });
  EXPECT_EQ(found, expected);
  EXPECT_EQ(tally.size(), expected.size());
  EXPECT_EQ(tally.text_bytes(), bytes);
  tally.clear();
  EXPECT_EQ(tally.size(), 0U);
  tally.for_each([](std::string_view word, std::int64_t) { FAIL() << word; });
}

TEST(WordTally, TellsWordsOfOneHashApart) {
  WordTally tally;
  for (const std::string_view word : {"one", "two", "one"}) tally.add(word, 5, 1);
  std::map<std::string, std::int64_t> found;
  tally.for_each([&](std::string_view word, std::int64_t count) { found.emplace(word, count); });
  EXPECT_EQ(found, (std::map<std::string, std::int64_t>{{"one", 2}, {"two", 1}}));
}

TEST(WordSplitter, LeavesOutWhatIsNotUtf8) {
  WordSplitter splitter(SplitPattern::kGpt2);
  std::vector<std::string_view> words;
  splitter.split(
      "ab\xff"
      "cd e\xe6\xbc",
      words);
  EXPECT_THAT(words, ElementsAre("ab", "cd", " e"));
}

TEST(DocumentPieces, SafeCutLiesBeforeASpaceBetweenLetters) {
  EXPECT_EQ(next_safe_cut("ab cd", 0), 2U);
  EXPECT_EQ(next_safe_cut("ab cd ef", 3), 5U);
  EXPECT_EQ(next_safe_cut("a  b. c\n d 'e 5", 0), 15U);  // none of these
  EXPECT_EQ(next_safe_cut(" a", 0), 2U);
  EXPECT_EQ(next_safe_cut("", 0), 0U);
}

TEST(DocumentPieces, WordsOfBothSidesOfACutAreThoseOfTheWhole) {
  for (const SplitPattern pattern : kPatterns) {
    WordSplitter splitter(pattern);
    const std::string text = mixed_text(20000, 3);
    std::vector<std::string_view> whole, part;
    splitter.split(text, whole);
    std::vector<std::string_view> pieced;
    std::size_t pieces = 0;
    for (std::string_view rest = text; !rest.empty(); ++pieces) {
      const std::size_t cut = next_safe_cut(rest, 1);
      splitter.split(rest.substr(0, cut), part);
      pieced.insert(pieced.end(), part.begin(), part.end());
      rest.remove_prefix(cut);
    }
    EXPECT_GT(pieces, 100U);
    EXPECT_EQ(pieced, whole);
  }
}

TEST(DocumentPieces, DealsOutEveryByteOfEveryDocument) {
  const std::vector<std::string> texts = {"", mixed_text(1 << 20, 1), "x", "", mixed_text(999, 2)};
  DocumentPieces documents(documents_of(texts), {});
  std::string all;
  std::set<const std::string*> sources;
  std::vector<DocumentPiece> pieces;
  while (documents.take(pieces)) {
    for (const DocumentPiece& piece : pieces) {
      all += piece.text;
      sources.insert(piece.document.get());
    }
  }
  std::string expected;
  for (const std::string& text : texts) expected += text;
  EXPECT_EQ(all, expected);
  EXPECT_EQ(documents.documents(), 5);
  EXPECT_EQ(documents.bytes(), std::ssize(expected));
  EXPECT_FALSE(documents.take(pieces));
}

TEST(WordCounts, AreTheSameForAnyNumberOfThreads) {
  std::vector<std::string> texts = {mixed_text(3 << 20, 5)};
  // More distinct words than a thread's own table holds.
  for (std::uint64_t i = 0; i < 300; ++i) {
    std::string& text = texts.emplace_back();
    for (std::uint64_t j = 0; j < 500; ++j) {
      text += " " + std::to_string(util::random_bits(7, 500 * i + j) % 200000);
    }
  }
  const WordCounts one = count_words(documents_of(texts), {});
  const WordCounts four = count_words(documents_of(texts), {.threads = 4});
  EXPECT_EQ(as_map(one), as_map(four));
  EXPECT_GT(one.distinct_words(), 100000);
  EXPECT_EQ(one.words, four.words);
  std::int64_t total = 0;
  for (const auto& [word, count] : as_map(one)) total += count;
  EXPECT_EQ(one.words, total);
}

}  // namespace
}  // namespace superpose::tokenizer
