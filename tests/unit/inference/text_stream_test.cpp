#include "inference/text_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.h"

namespace superpose::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What each of `tokens` lets out, and the end.
std::vector<std::string> shown(const std::vector<std::string>& tokens,
                               const std::vector<std::string>& stops = {}) {
  TextStream stream(stops);
  std::vector<std::string> texts;
  for (const std::string& token : tokens) texts.push_back(stream.add(token));
  texts.push_back(stream.finish());
  return texts;
}

TEST(TextStream, HoldsPartsOfCharactersBack) {
  EXPECT_THAT(shown({"a\xC3", "\xA9z"}), ElementsAre("a", "\u00E9z", ""));
  EXPECT_THAT(shown({"\xE4", "\xBD", "\xA0"}), ElementsAre("", "", "\u4F60", ""));
  EXPECT_THAT(shown({"x\xF0\x9F", "\x91", "\xA9", "y"}),
              ElementsAre("x", "", "\U0001F469", "y", ""));
}

TEST(TextStream, ReplacesWhatIsNotUtf8) {
  EXPECT_THAT(shown({"a\xFF", "b"}), ElementsAre("a\uFFFD", "b", ""));
  EXPECT_THAT(shown({"a\x80", "b"}), ElementsAre("a\uFFFD", "b", ""));
  EXPECT_THAT(shown({"a\xE4\xBD"}), ElementsAre("a", "\uFFFD"));
}

TEST(TextStream, EndsBeforeAStopStringHoweverItIsCut) {
  EXPECT_THAT(shown({"one\n\ntwo"}, {"\n\n"}), ElementsAre("one", ""));
  EXPECT_THAT(shown({"one\n", "\n", "two"}, {"\n\n"}), ElementsAre("one", "", "", ""));
  // What only began like one comes out as soon as that is clear.
  EXPECT_THAT(shown({"ab", "ac", "abd"}, {"abd"}), ElementsAre("", "abac", "", ""));
  EXPECT_THAT(shown({"xa", "a", "b"}, {"aab"}), ElementsAre("x", "", "", ""));
  EXPECT_THAT(shown({"aaab"}, {"aab"}), ElementsAre("a", ""));
  // The first of several, and at the end what was held back.
  EXPECT_THAT(shown({"1 stop 2 end"}, {"end", "stop"}), ElementsAre("1 ", ""));
  EXPECT_THAT(shown({"1 sto"}, {"stop"}), ElementsAre("1 ", "sto"));
}

TEST(TextStream, SaysThatItHasStopped) {
  TextStream stream({"b"});
  stream.add("a");
  EXPECT_FALSE(stream.has_stopped());
  stream.add("b");
  EXPECT_TRUE(stream.has_stopped());
  EXPECT_EQ(stream.add("c") + stream.finish(), "");
}

TEST(TextStream, RefusesStopStringsThatCannotBe) {
  EXPECT_THAT(test::error_of([] { TextStream({""}); }), HasSubstr("stop"));
  EXPECT_THAT(test::error_of([] { TextStream({"\xFF"}); }), HasSubstr("stop"));
}

}  // namespace
}  // namespace superpose::inference
