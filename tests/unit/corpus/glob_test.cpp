#include "corpus/sources/glob.h"

#include <gtest/gtest.h>

namespace superpose::corpus {
namespace {

TEST(Glob, MatchesAsShellsDo) {
  EXPECT_TRUE(glob_matches("a/b.py", "a/b.py"));
  EXPECT_FALSE(glob_matches("a/b.py", "a/b.pyc"));
  EXPECT_TRUE(glob_matches("*.py", ".py"));
  EXPECT_TRUE(glob_matches("a*b*c", "aXbYbZc"));
  EXPECT_TRUE(glob_matches("?.py", "x.py"));
  EXPECT_FALSE(glob_matches("?.py", "xy.py"));
  EXPECT_FALSE(glob_matches("*.py", "a/b.py"));
  EXPECT_FALSE(glob_matches("a?b", "a/b"));
  EXPECT_FALSE(glob_matches("A.py", "a.py"));
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("", "a"));
}

TEST(Glob, SetsHoldRangesAndNegation) {
  EXPECT_TRUE(glob_matches("part-[0-3].txt", "part-2.txt"));
  EXPECT_FALSE(glob_matches("part-[0-3].txt", "part-4.txt"));
  EXPECT_TRUE(glob_matches("[!a-c]", "d"));
  EXPECT_FALSE(glob_matches("[!a-c]", "b"));
  EXPECT_FALSE(glob_matches("a[!x]b", "a/b"));
  EXPECT_TRUE(glob_matches("[]x]", "]"));
  EXPECT_TRUE(glob_matches("[a-]", "-"));
  EXPECT_TRUE(glob_matches("a[b", "a[b"));  // no closing bracket: itself
}

TEST(Glob, TwoStarsCrossFolders) {
  EXPECT_TRUE(glob_matches("torch/**/x.py", "torch/x.py"));
  EXPECT_TRUE(glob_matches("torch/**/x.py", "torch/a/b/x.py"));
  EXPECT_FALSE(glob_matches("torch/**/x.py", "torch/ax.py"));
  EXPECT_TRUE(glob_matches("**/tests/**", "a/b/tests/c/d.py"));
  EXPECT_TRUE(glob_matches("**", "a/b/c"));
  EXPECT_FALSE(glob_matches("a/**", "b/a/c"));
}

TEST(Glob, FilterWithoutSlashLooksAtTheLastPart) {
  EXPECT_TRUE(filter_matches("*.py", "a/b/c.py"));
  EXPECT_TRUE(filter_matches("c.py", "a/b/c.py"));
  EXPECT_FALSE(filter_matches("b", "a/b/c.py"));
  EXPECT_FALSE(filter_matches("b/*.py", "a/b/c.py"));
  EXPECT_TRUE(is_glob("a/[b]"));
  EXPECT_FALSE(is_glob("a/b.txt"));
}

}  // namespace
}  // namespace superpose::corpus
