#include "train/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::train {
namespace {

using test::names;

TEST(RunFolder, IsHeldByOneAtATime) {
  const test::TempDir folder;
  auto held = std::make_unique<RunFolder>(folder / "a/b");
  EXPECT_THAT(test::error_of([&] { const RunFolder second(folder / "a/b"); }),
              names("a/b", "another process"));
  held.reset();
  const RunFolder again(folder / "a/b");
}

TEST(RunFolder, NamesAPathThatCannotBeMade) {
  const test::TempDir folder;
  util::write_file_atomic(folder / "file", "");
  EXPECT_THAT(test::error_of([&] { const RunFolder run(folder / "file/run"); }),
              ::testing::HasSubstr("file/run"));
}

}  // namespace
}  // namespace superpose::train
