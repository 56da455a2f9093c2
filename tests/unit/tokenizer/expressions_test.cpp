// What split expressions mean: Oniguruma's reading, by what `tokenizers` 0.23.3 gave. The peer test
// holds thousands of generated ones against the library itself; these need nothing installed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/error_of.h"
#include "support/names.h"
#include "tokenizer/pre_tokenizer.h"

namespace superpose::tokenizer {
namespace {

using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = PreTokenizerStep::Kind;
using Pieces = std::vector<std::string>;

Pieces split(const PreTokenizerStep& step, const std::string& text) {
  const PreTokenizer pre_tokenizer({step}, "some.json");
  PreTokenizer::Scratch scratch;
  Pieces pieces;
  pre_tokenizer.split(text, scratch,
                      [&](std::string_view word, const char*) { pieces.emplace_back(word); });
  return pieces;
}

Pieces split(const std::string& expression, const std::string& text,
             SplitBehavior behavior = SplitBehavior::kIsolated, bool invert = false) {
  return split({Kind::kSplitRegex, expression, behavior, invert}, text);
}

// The characters of the text that the expression matches one by one.
std::string matched(const std::string& expression, const std::string& text) {
  std::string all;
  for (const std::string& piece : split(expression, text, SplitBehavior::kRemoved, true)) {
    all += piece;
  }
  return all;
}

TEST(Expressions, AWordInsideOfAClassLacksNumbersOfLatin1) {
  const std::string text = "a_\u00b2\u00b9\u00bc \u0301.";
  EXPECT_EQ(matched(R"(\w)", text), "a_\u00b2\u00b9\u00bc\u0301");
  EXPECT_EQ(matched(R"(\p{Word})", text), "a_\u00b2\u00b9\u00bc\u0301");
  EXPECT_EQ(matched(R"(\W)", text), " .");
  for (const char* inside : {R"([\w])", "[[:word:]]", R"([\p{word}])", R"([^\W])"}) {
    EXPECT_EQ(matched(inside, text), "a_\u0301") << inside;
  }
  for (const char* inside : {R"([\W])", R"([^\w])", "[[:^word:]]", R"([^[:word:]])"}) {
    EXPECT_EQ(matched(inside, text), "\u00b2\u00b9\u00bc .") << inside;
  }
  EXPECT_THAT(split(R"(\b)", "a\u00b2."), ElementsAre("a\u00b2", "."));
}

TEST(Expressions, NamedSets) {
  const std::string text = "aF\u00c9\u0663\u2160$.\u2028\u00a0\t\u0363\x01";
  EXPECT_EQ(matched("[[:alpha:]]", text), "aF\u00c9\u2160\u0363");
  EXPECT_EQ(matched(R"(\p{alnum})", text), "aF\u00c9\u0663\u2160\u0363");
  EXPECT_EQ(matched("[[:punct:]]", text), "$.");
  EXPECT_EQ(matched(R"(\p{Punct})", text), ".");
  EXPECT_EQ(matched("[[:blank:]]", text), "\u00a0\t");
  EXPECT_EQ(matched("[[:space:]]", text), "\u2028\u00a0\t");
  EXPECT_EQ(matched("[[:cntrl:]]", text), "\t\x01");
  EXPECT_EQ(matched("[[:print:]]", text), "aF\u00c9\u0663\u2160$.\u00a0\u0363");
  EXPECT_EQ(matched(R"(\p{graph})", text), "aF\u00c9\u0663\u2160$.\u0363");
  EXPECT_EQ(matched(R"(\h)", text), "aF");
  EXPECT_EQ(matched(R"(\d)", text), "\u0663");
  EXPECT_EQ(matched(R"(\p{ l_u })", text), "F\u00c9");
  EXPECT_EQ(matched(R"(\P{^Lu})", text), "F\u00c9");
  EXPECT_EQ(matched(R"(\p{LC})", text), "aF\u00c9");
}

TEST(Expressions, ClassesInsideOfClasses) {
  const std::string text = "abcz1-]&";
  EXPECT_EQ(matched("[a[bz]]", text), "abz");
  EXPECT_EQ(matched("[a[^a-z]]", text), "a1-]&");
  EXPECT_EQ(matched("[^a[bz]]", text), "c1-]&");
  EXPECT_EQ(matched("[a-z&&[^b]]", text), "acz");
  EXPECT_EQ(matched("[^a-z&&[^b]]", text), "b1-]&");
  EXPECT_EQ(matched(R"([\w&&[^\d]&&[^z]])", text), "abc");
  EXPECT_EQ(matched("[&&a]", text), "");
  EXPECT_EQ(matched("[]a-]", text), "a-]");
  EXPECT_EQ(matched("[&]", text), "&");
}

TEST(Expressions, OptionsAreRubys) {
  EXPECT_THAT(split("(?m:a.)", "a\nb"), ElementsAre("a\n", "b"));
  EXPECT_THAT(split("a.", "a\nb"), ElementsAre("a\nb"));
  // It reaches over the bar to the end of its group.
  EXPECT_THAT(split("a(?i)b|c", "aB c aC"), ElementsAre("aB", " c ", "aC"));
  EXPECT_THAT(split("(?:a(?i)b)c", "aBc aBC"), ElementsAre("aBc", " aBC"));
  EXPECT_THAT(split("(?i:k(?-i)k)", "Kk KK \u212ak"), ElementsAre("Kk", " KK ", "\u212ak"));
}

TEST(Expressions, RepeatsAreRubys) {
  EXPECT_THAT(split("a{2}?", "bab"), ElementsAre("b", "a", "b"));    // once or not at all
  EXPECT_THAT(split("a{1,2}?", "aaa"), ElementsAre("a", "a", "a"));  // lazy
  EXPECT_THAT(split("a{2}+", "aaaaab"), ElementsAre("aaaa", "ab"));  // again and again
  EXPECT_THAT(split("a{,2}x", "aaax"), ElementsAre("a", "aax"));
  EXPECT_THAT(split("a++ab|b", "aab"), ElementsAre("aa", "b"));  // possessive
  EXPECT_THAT(split("a+?", "aa"), ElementsAre("a", "a"));
  EXPECT_THAT(split(R"(\R)", "a\r\n\nb"), ElementsAre("a", "\r\n", "\n", "b"));
  EXPECT_THAT(split(R"(.\Z)", "ab\n"), ElementsAre("a", "b", "\n"));
  EXPECT_THAT(split("^.", "ab\ncd\n"), ElementsAre("a", "b\n", "c", "d\n"));
}

// In every way to split: what `tokenizers` gave.
TEST(Expressions, AnEmptyMatchSplitsBetweenCharacters) {
  const std::string text = "a\u00e9 ";
  for (const PreTokenizerStep::Kind kind : {Kind::kSplitRegex, Kind::kSplitText}) {
    for (const bool invert : {false, true}) {
      const auto pieces = [&](SplitBehavior behavior) {
        return split({kind, "", behavior, invert}, text);
      };
      EXPECT_THAT(pieces(SplitBehavior::kIsolated), ElementsAre("a", "\u00e9", " "));
      EXPECT_THAT(pieces(SplitBehavior::kContiguous), ElementsAre("a", "\u00e9", " "));
      EXPECT_THAT(pieces(SplitBehavior::kMergedWithPrevious), ElementsAre("a", "\u00e9", " "));
      EXPECT_THAT(pieces(SplitBehavior::kMergedWithNext), ElementsAre("a", "\u00e9", " "));
      EXPECT_EQ(pieces(SplitBehavior::kRemoved), invert ? Pieces() : Pieces({"a", "\u00e9", " "}));
    }
  }
  EXPECT_THAT(split("x*", "axxb"), ElementsAre("a", "xx", "b"));
  EXPECT_THAT(split("(?=b)", "abab"), ElementsAre("a", "ba", "b"));
}

TEST(Expressions, WhatIsNotSupportedIsRefusedByName) {
  const auto message = [](const std::string& expression) {
    return test::error_of([&] { split(expression, ""); });
  };
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"(\X)", R"(\X at byte 0)"},
      {R"(a\K)", R"(\K at byte 1)"},
      {R"((a)\1)", R"(\1 at byte 3)"},
      {R"(\cA)", R"(\c)"},
      {R"(\xC3)", R"(\x)"},
      {R"(\x{D800})", R"(\x)"},
      {R"(\pL)", "a property"},
      {R"([\R])", R"(\R)"},
      {"(?x)a", "a group"},
      {"(?s:.)", "a group"},
      {"(?<n>a)", "a group"},
      {"(?~ab)", "a group"},
      {"(*FAIL)", "a callout"},
      {"a{x}", "a brace"},
      {"a**", "of a repeat"},
      {"(?=a)*", "an anchor"},
      {"(?:^)+", "an anchor"},
      {"*a", "of nothing"},
      {"[a-c-e]", "a hyphen"},
      {R"([\w-a])", "a hyphen"},
      {R"([a-\w])", R"(\w)"},
      {"[z-a]", "a range"},
      {"[[:foo:]]", "[:foo:]"},
      {"[a&&&b]", "three &"},
      {"(?i:ss)", "of case"},
      {"(?i:s(?:t))", "of case"},
      {"(?i:f+)", "of case"},
      {"(?i:\u00df)", "of case"},
      {R"((?i:\p{Lu}))", "of case"},
      {"(?i:[\u00e0-\u00ff])", "of case"},
  };
  for (const auto& [expression, part] : cases) {
    EXPECT_THAT(message(expression), HasSubstr("some.json: ")) << expression;
    EXPECT_THAT(message(expression), HasSubstr(part)) << expression;
    EXPECT_THAT(message(expression), names("supported")) << expression;
  }
  for (const char* broken :
       {"(", "a)", "[a", "[]", "\\", R"(\p{Nonsense})", "a{2,1}", "(?<=a+)b"}) {
    EXPECT_THAT(message(broken), HasSubstr("expression")) << broken;
  }
  EXPECT_THAT(message("[" + std::string(100, '[')), names("inside"));
}

}  // namespace
}  // namespace superpose::tokenizer
