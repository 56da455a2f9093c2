#include "util/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.h"
#include "util/error.h"

namespace superpose::util {
namespace {

TEST(Json, KeysKeepTheirOrder) {
  const Json json = parse_json(R"({"zebra": 1, "apple": [2.5, null]})", "test");
  EXPECT_EQ(json.dump(), R"({"zebra":1,"apple":[2.5,null]})");
}

TEST(Json, ErrorNamesTheTextAndThePlace) {
  EXPECT_THAT(test::error_of([&] { parse_json("{\"a\": 1,, }", "state.json"); }),
              testing::StartsWith("state.json: not valid JSON at byte 9: "));
}

// The parser throws another exception for it than for what is not JSON.
TEST(Json, ANumberThatNoDoubleHoldsIsAnErrorOfTheText) {
  EXPECT_THAT(test::error_of([&] { parse_json("{\"a\": 1e999}", "state.json"); }),
              testing::StartsWith("state.json: not valid JSON"));
}

TEST(Json, AByteOrderMarkIsPassedOver) {
  EXPECT_EQ(parse_json("\xef\xbb\xbf{}", "t").dump(), "{}");
}

TEST(Json, ZeroByteDoesNotEndTheText) {
  EXPECT_THROW(parse_json(std::string_view("{}\0garbage", 10), "t"), Error);
}

TEST(Json, TruncatedTextIsAnError) { EXPECT_THROW(parse_json("{\"a\": [1, 2", "t"), Error); }

}  // namespace
}  // namespace superpose::util
