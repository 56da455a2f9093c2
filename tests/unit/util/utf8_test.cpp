#include "util/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace superpose::util {
namespace {

using namespace std::string_literals;

TEST(Utf8, FindsTheFirstByteThatIsWrong) {
  const std::vector<std::pair<std::string, std::size_t>> cases = {
      {"", 0},
      {"plain", 5},
      {"eight by\xC3\xA9t", 11},
      {"\xF0\x9F\x98\x80\xED\x9F\xBF\xEE\x80\x80", 10},
      {"a\0b"s, 3},
      {"\xF4\x8F\xBF\xBF", 4},
      {"nine chars\xFF", 10},
      {"ab\x80", 2},
      {"plain ASCII, longer than a word\u00e9\u20ac\U0001f600", 40},
      {"abcdefgh\xC3", 8},          // cut off
      {"\xC0\xAF", 0},              // overlong
      {"\xC1\xBF", 0},              // overlong
      {"\xED\x9F\xBF", 3},          // right before the surrogates
      {"\xF8\x88\x80\x80\x80", 0},  // five bytes
      {"\xE0\x9F\xBF", 0},          // overlong
      {"\xF0\x8F\xBF\xBF", 0},      // overlong
      {"x\xED\xA0\x80", 1},         // a surrogate
      {"\xF4\x90\x80\x80", 0},      // above U+10FFFF
      {"xy\xE2\x82", 2},            // cut off
      {"\xE2\x82\xAC\xE2\x82", 3},  // cut off
  };
  for (const auto& [text, place] : cases) EXPECT_EQ(first_invalid_utf8(text), place) << text;
}

// Expected texts are those of Python's bytes.decode("utf-8", "replace").
TEST(Utf8, ReplacesEveryMaximalSubpart) {
  const std::string r = "\xEF\xBF\xBD";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"fine", "fine"},
      {"a\xFF"
       "b",
       "a" + r + "b"},
      {"\x80\x80", r + r},
      {"\xE2\x82z", r + "z"},
      {"\xF0\x9F\x98", r},
      {"\xED\xA0\x80", r + r + r},
      {"\xC0\xAF", r + r},
      {"\xF0\x80\x80\x41", r + r + r + "A"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", r + r + r + r + "A"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(replace_invalid_utf8(text), expected);
}

TEST(Utf8, ACharacterBeginsAtItsLeadByte) {
  const std::string text = "a\u00e9\u20acz";
  const std::vector<std::size_t> begins = {0, 1, 1, 3, 3, 3, 6};
  for (std::size_t at = 0; at < text.size(); ++at) EXPECT_EQ(character_begin(text, at), begins[at]);
  EXPECT_EQ(character_begin("\x80\x80", 1), 0U);
}

TEST(Utf8, KnowsWhatMayBeTheBeginningOfACharacter) {
  const std::vector<std::pair<std::string, std::size_t>> cases = {
      {"", 0},
      {"a", 0},
      {"a\u00e9", 0},
      {"a\xC3", 1},
      {"a\xE2\x82", 2},
      {"\xE2\x82\xAC", 0},
      {"\xF0\x9F\x98", 3},
      {"\xF0\x9F\x98\x80", 0},
      {"\xFF", 0},                  // no lead byte
      {"\xC0", 0},                  // likewise
      {"a\x80", 0},                 // nothing to continue
      {"\x80\x80\x80\x80\x80", 0},  // likewise
  };
  for (const auto& [text, size] : cases) EXPECT_EQ(unfinished_character(text), size) << text;
}

TEST(Utf8, AByteOrderMarkIsOneInFront) {
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB\xBF"
                                    "a\xEF\xBB\xBF"),
            "a\xEF\xBB\xBF");
  for (const char* text : {"", "a", "\xEF\xBB", "\xFF\xFE", " \xEF\xBB\xBF"}) {
    EXPECT_EQ(without_byte_order_mark(text), text);
  }
}

}  // namespace
}  // namespace superpose::util
