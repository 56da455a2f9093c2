#include "util/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace superpose::util {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  std::ostringstream out;
  print_table(out, {{"task", "value"}, {"a", "10"}, {"longer", ""}}, "lr");
  EXPECT_EQ(out.str(),
            "task    value\n"
            "a          10\n"
            "longer\n");
}

TEST(Table, ColumnsAreAlignedByTheirLetters) {
  std::ostringstream out;
  print_table(out, {{"n", "share", "of", "words"}, {"100", "1", "2", "a b"}}, "rrl", "> ");
  EXPECT_EQ(out.str(),
            ">   n  share  of  words\n"
            "> 100      1  2   a b\n");
}

TEST(Table, WithoutRowsThereIsNone) {
  std::ostringstream out;
  print_table(out, {}, "l");
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace superpose::util
