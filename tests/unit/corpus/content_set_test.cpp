#include "corpus/prepare/content_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace superpose::corpus {
namespace {

TEST(ContentSet, IsASet) {
  ContentSet set;
  std::set<std::uint64_t> expected;
  EXPECT_FALSE(set.contains(0));
  EXPECT_FALSE(set.contains(7));
  std::mt19937_64 random(5);
  for (int i = 0; i < 20'000; ++i) {
    // Some come again, some meet at the same place of the table, some are 0.
    const std::uint64_t value = i % 3 == 0 ? random() : (random() % 500) << (i % 40);
    EXPECT_EQ(set.insert(value), expected.insert(value).second);
    EXPECT_TRUE(set.contains(value));
  }
  EXPECT_EQ(set.size(), expected.size());
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t value = random() % 2 == 0 ? random() : random() % 100'000;
    EXPECT_EQ(set.contains(value), expected.contains(value));
  }
}

}  // namespace
}  // namespace superpose::corpus
