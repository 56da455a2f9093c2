#include "util/file_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <optional>

#include "support/error_of.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::util {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

FileLock open_lock(const std::filesystem::path& path) {
  return FileLock(FileDescriptor(path, O_RDWR | O_CREAT, "cannot create"));
}

TEST(FileLock, IsHeldByOneAtATime) {
  const test::TempDir folder;
  std::optional<FileLock> held = open_lock(folder / "lock");
  EXPECT_FALSE(held->lock(Wait::kNo));
  FileLock second = open_lock(folder / "lock");
  EXPECT_EQ(second.lock(Wait::kNo), std::errc::operation_would_block);
  held.reset();
  EXPECT_FALSE(second.lock(Wait::kNo));
}

TEST(FileLock, MovesWithItsFile) {
  const test::TempDir folder;
  FileLock first = open_lock(folder / "lock");
  EXPECT_FALSE(first.lock(Wait::kNo));
  const FileLock moved = std::move(first);
  EXPECT_TRUE(moved.is_at(folder / "lock"));
  EXPECT_EQ(open_lock(folder / "lock").lock(Wait::kNo), std::errc::operation_would_block);
}

TEST(FileLock, KnowsWhetherItsFileWasReplaced) {
  const test::TempDir folder;
  const FileLock lock = open_lock(folder / "lock");
  EXPECT_TRUE(lock.is_at(folder / "lock"));
  write_file_atomic(folder / "lock", "");
  EXPECT_FALSE(lock.is_at(folder / "lock"));
  std::filesystem::remove(folder / "lock");
  EXPECT_FALSE(lock.is_at(folder / "lock"));
}

TEST(FileLock, WhatCannotBeLockedIsReported) {
  FileLock none{FileDescriptor()};
  EXPECT_EQ(none.lock(Wait::kYes), std::errc::bad_file_descriptor);
}

TEST(FileDescriptor, AnErrorNamesTheFileAndTheReason) {
  EXPECT_THAT(test::error_of([] { FileDescriptor("/nowhere/a", O_RDONLY, "cannot open"); }),
              AllOf(HasSubstr("/nowhere/a: cannot open"), HasSubstr("No such file")));
}

}  // namespace
}  // namespace superpose::util
