#include "tasks/python_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace superpose::tasks {
namespace {

using testing::ElementsAre;

// Expected values: CPython 3.11, random.Random(seed).sample(range(size), count), one call after the
// other.
TEST(PythonRandom, DrawsWhatPythonDraws) {
  PythonRandom random(1234);
  EXPECT_THAT(random.sample(10, 4), ElementsAre(7, 1, 0, 9));
  EXPECT_THAT(random.sample(1000, 4), ElementsAre(932, 965, 961, 826));
  EXPECT_THAT(random.sample(100, 8), ElementsAre(74, 4, 85, 88, 10, 12, 98, 45));  // from a set
  EXPECT_THAT(random.sample(30, 8), ElementsAre(7, 0, 28, 25, 27, 11, 20, 19));    // from a list
  EXPECT_THAT(PythonRandom((std::uint64_t{1} << 40) + 7).sample(50, 3), ElementsAre(39, 47, 40));
}

}  // namespace
}  // namespace superpose::tasks
