#include "util/error.h"

#include <gtest/gtest.h>

#include <string>

namespace superpose::util {
namespace {

std::string message_of(void (*action)()) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Error, FailStreamsItsPartsTogether) {
  EXPECT_EQ(message_of([] { fail("optim.eps: must be > 0, got ", -1, ' ', 0.5); }),
            "optim.eps: must be > 0, got -1 0.5");
}

TEST(Error, RequireThrowsOnlyWhereTheConditionFails) {
  EXPECT_EQ(message_of([] { require(true, "unused"); }), "no error");
  EXPECT_EQ(message_of([] { require(false, "rule, got ", 3); }), "rule, got 3");
}

}  // namespace
}  // namespace superpose::util
