#include "util/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace superpose::util {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  std::ostringstream out;
  print_table(out, {{"task", "value"}, {"a", "10"}, {"longer", ""}}, 1);
  EXPECT_EQ(out.str(),
            "task    value\n"
            "a          10\n"
            "longer\n");
}

TEST(Table, WithoutRowsThereIsNone) {
  std::ostringstream out;
  print_table(out, {}, 1);
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace superpose::util
