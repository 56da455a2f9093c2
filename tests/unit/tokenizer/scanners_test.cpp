// The scanners against their own expressions in PCRE2, on text made of what the expressions name.
#include "tokenizer/scanners.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tokenizer/patterns.h"
#include "tokenizer/pre_tokenizer.h"

namespace superpose::tokenizer {
namespace {

const std::vector<std::string> kPieces = {
    " ",      " ",      "  ",     "\n",     "\r",     "\r\n",       "\t",         "\u00a0",
    "\u0085", "\u3000", "'",      "'s",     "'S",     "'ll",        "'Ll",        "'\u017f",
    "'r",     "'ve",    "'d",     "'t",     "a",      "Z",          "bc",         "DE",
    "\u00e9", "\u00c9", "\u01c5", "\u02b0", "\u05d0", "\u4f60",     "\u0301",     "\u0903",
    "\u20dd", "1",      "23",     "\u0663", "\u00bd", "\u216b",     "\U0001d7d8", ".",
    "!?",     "/",      "_",      "(",      "\u20ac", "\U0001f600", "\u200d",     "\u0000x",
    "\u180e", "\u10400"};

// Any code point but the surrogates.
void append_any(std::mt19937& source, std::string& text) {
  auto c = static_cast<std::uint32_t>(source() % (source() % 2 == 0 ? kNumCodePoints : 0x3000));
  if (c >= 0xD800 && c <= 0xDFFF) c = 0x41;
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
  } else if (c < 0x10000) {
    text += {static_cast<char>(0xE0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 0x3F)),
             static_cast<char>(0x80 | (c & 0x3F))};
  } else {
    text += {static_cast<char>(0xF0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 0x3F)),
             static_cast<char>(0x80 | ((c >> 6) & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
  }
}

std::string made_up(std::mt19937& source) {
  std::string text;
  const bool any = source() % 4 == 0;
  for (std::size_t left = 1 + source() % 12; left > 0; --left) {
    if (any && source() % 2 == 0) {
      append_any(source, text);
    } else {
      text += kPieces[source() % kPieces.size()];
    }
  }
  return text;
}

class Scanners : public ::testing::TestWithParam<std::string_view> {};

TEST_P(Scanners, CutAsTheExpressionDoes) {
  // A group around it is another text, so that no scanner takes it.
  const PreTokenizerStep scanned{.pattern = std::string(GetParam())};
  const PreTokenizerStep matched{.pattern = "(?:" + std::string(GetParam()) + ")"};
  ASSERT_NE(known_pattern(scanned.pattern), KnownPattern::kNone);
  ASSERT_EQ(known_pattern(matched.pattern), KnownPattern::kNone);
  const PreTokenizer scanner({scanned}, "scanner");
  const PreTokenizer regex({matched}, "regex");
  PreTokenizer::Scratch scratch;
  const auto words_of = [&scratch](const PreTokenizer& pre_tokenizer, const std::string& text) {
    std::vector<std::string> words;
    pre_tokenizer.split(text, scratch,
                        [&](std::string_view word, const char*) { words.emplace_back(word); });
    return words;
  };
  // PCRE2's tables are of Unicode 14, utf8proc's of 15: what 14 lacks is left out.
  const Regex unassigned("\\p{Cn}", "test");
  std::mt19937 source(9);
  for (int i = 0; i < 60000; ++i) {
    const std::string text = made_up(source);
    if (unassigned.find(text, 0, scratch.regex)) continue;
    ASSERT_EQ(words_of(scanner, text), words_of(regex, text)) << ::testing::PrintToString(text);
  }
}

INSTANTIATE_TEST_SUITE_P(Patterns, Scanners,
                         ::testing::Values(kGpt2Pattern, kQwenPattern, kCl100kPattern,
                                           kTiktokenCl100kPattern, kO200kPattern));

}  // namespace
}  // namespace superpose::tokenizer
