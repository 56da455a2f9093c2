#include "eval/shared_prefixes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace superpose::eval {
namespace {

using testing::ElementsAre;

TEST(SharedPrefixes, AreThoseOfQuestions) {
  // Three choices of one question, two of another.
  EXPECT_THAT(group_by_prefix(5, std::vector<std::int64_t>{60, 60, 2, 40}, 16),
              ElementsAre(PrefixGroup{0, 3, 60}, PrefixGroup{3, 2, 40}));
}

TEST(SharedPrefixes, AreWhatSavesMost) {
  // Behind 400 common ids: single questions are one group, though two of them share more.
  EXPECT_THAT(group_by_prefix(4, std::vector<std::int64_t>{400, 450, 400}, 16),
              ElementsAre(PrefixGroup{0, 4, 400}));
  EXPECT_THAT(group_by_prefix(4, std::vector<std::int64_t>{100, 20, 100}, 16),
              ElementsAre(PrefixGroup{0, 2, 100}, PrefixGroup{2, 2, 100}));
}

TEST(SharedPrefixes, AreNoneWhereTheyAreShort) {
  EXPECT_THAT(group_by_prefix(3, std::vector<std::int64_t>{15, 16}, 16),
              ElementsAre(PrefixGroup{0, 1, 0}, PrefixGroup{1, 2, 16}));
  EXPECT_THAT(group_by_prefix(1, {}, 16), ElementsAre(PrefixGroup{0, 1, 0}));
  EXPECT_THAT(group_by_prefix(0, {}, 16), ElementsAre());
}

// Every text in one group, whatever the lengths: also where the tree is a line.
TEST(SharedPrefixes, CoverEveryTextOnce) {
  for (const int kind : {0, 1, 2}) {
    std::vector<std::int64_t> common;
    for (int i = 0; i < 20000; ++i) {
      common.push_back(kind == 0 ? i : kind == 1 ? 20000 - i : (i * 7919) % 97);
    }
    std::size_t next = 0;
    for (const PrefixGroup& group : group_by_prefix(common.size() + 1, common, 16)) {
      ASSERT_EQ(group.first, next);
      for (std::size_t i = group.first; i + 1 < group.first + group.count; ++i) {
        ASSERT_GE(common[i], group.prefix);
      }
      next += group.count;
    }
    EXPECT_EQ(next, common.size() + 1);
  }
}

}  // namespace
}  // namespace superpose::eval
