#include "util/first_error.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

namespace superpose::util {
namespace {

TEST(FirstError, ComesToWhoWaits) {
  FirstError first_error;
  first_error.run([] {});
  EXPECT_NO_THROW(first_error.rethrow());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { first_error.run([] { throw std::bad_alloc(); }); });
    }
  }
  first_error.run([] { throw std::runtime_error("later"); });
  EXPECT_THROW(first_error.rethrow(), std::bad_alloc);
}

}  // namespace
}  // namespace superpose::util
