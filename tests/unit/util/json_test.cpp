#include "util/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/names.h"
#include "util/error.h"

namespace superpose::util {
namespace {

using test::names;

TEST(Json, KeysKeepTheirOrder) {
  const Json json = parse_json(R"({"zebra": 1, "apple": [2.5, null]})", "test");
  EXPECT_EQ(json.dump(), R"({"zebra":1,"apple":[2.5,null]})");
}

TEST(Json, ErrorNamesTheTextAndThePlace) {
  EXPECT_THAT(test::error_of([&] { parse_json("{\"a\": 1,, }", "state.json"); }),
              names("state.json", "valid JSON", "9"));
}

// The parser throws another exception for it than for what is not JSON.
TEST(Json, ANumberThatNoDoubleHoldsIsAnErrorOfTheText) {
  EXPECT_THAT(test::error_of([&] { parse_json("{\"a\": 1e999}", "state.json"); }),
              names("state.json", "valid JSON"));
}

TEST(Json, AByteOrderMarkIsPassedOver) {
  EXPECT_EQ(parse_json("\xef\xbb\xbf{}", "t").dump(), "{}");
}

TEST(Json, ZeroByteDoesNotEndTheText) {
  EXPECT_THROW(parse_json(std::string_view("{}\0garbage", 10), "t"), Error);
}

TEST(Json, AnErrorIsShortAndInPlainWords) {
  for (const char* const text : {"{\"a\": 1,, }", "{\"a\": 1e999}", "[1, 2"}) {
    EXPECT_THAT(test::error_of([&] { parse_json(text, "t"); }),
                testing::Not(testing::HasSubstr("json.exception")));
  }
  const std::string unclosed = "[\"" + std::string(100000, 'x');
  EXPECT_LT(test::error_of([&] { parse_json(unclosed, "t"); }).size(), 200U);
  EXPECT_LE(shown(Json(std::string(100000, 'x'))).size(), 63U);
}

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, DeepNestingIsAnError) {
  const std::string deepest = nested(kDeepestJson);
  EXPECT_EQ(parse_json(deepest, "t").dump(), deepest);
  for (const int depth : {kDeepestJson + 1, 1000000}) {
    EXPECT_THAT(test::error_of([&] { parse_json(nested(depth), "t"); }),
                testing::HasSubstr(std::to_string(kDeepestJson)));
  }
  const std::string side_by_side = "[" + std::string(kDeepestJson, ' ') + "[],[],\"[[\\\"[[\"]";
  EXPECT_EQ(parse_json(side_by_side, "t").size(), 3U);
  const std::string brackets = "\"\\\"" + std::string(2 * kDeepestJson, '[') + "\"";
  EXPECT_TRUE(parse_json(brackets, "t").is_string());
}

TEST(Json, TruncatedTextIsAnError) { EXPECT_THROW(parse_json("{\"a\": [1, 2", "t"), Error); }

}  // namespace
}  // namespace superpose::util
