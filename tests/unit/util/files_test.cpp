#include "util/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace superpose::util {
namespace {

using test::error_of;
using test::names;
namespace fs = std::filesystem;
using superpose::test::TempDir;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

std::string own_name(std::string_view name, std::string_view kind) {
  return std::string(name) + "." + std::string(kind) + "-" + std::to_string(::getpid());
}

// A process number that no process has: that of a child that has ended and was waited for.
pid_t ended_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

TEST(ReadFile, GivesEveryByte) {
  const TempDir folder;
  std::string content;
  for (int i = 0; i < 10'000; ++i) content += static_cast<char>(i);
  write_file_atomic(folder / "bytes", content);
  write_file_atomic(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "bytes"), content);
  EXPECT_EQ(read_file(folder / "empty"), "");
}

TEST(ReadFile, ReadsFilesThatReportNoSize) {
  EXPECT_THAT(read_file("/proc/self/status"), HasSubstr("Pid:"));
}

TEST(ReadFile, ErrorNamesPathAndReason) {
  const TempDir folder;
  EXPECT_THAT(error_of([&] { read_file(folder / "none"); }),
              names((folder / "none").string(), "No such file or directory"));
  EXPECT_THAT(error_of([&] { read_file(folder.path()); }), names(folder.path().string(), "file"));
}

TEST(WriteFileAtomic, ReplacesAndLeavesNothingElse) {
  const TempDir folder;
  write_file_atomic(folder / "a", "old");
  write_file_atomic(folder / "a", "new and longer");
  EXPECT_EQ(read_file(folder / "a"), "new and longer");
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("a"));
}

TEST(WriteFileAtomic, WorksOnARelativeName) {
  const TempDir folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  const std::string error = error_of([] { write_file_atomic("plain", "x"); });
  fs::current_path(before);
  EXPECT_EQ(error, "");
  EXPECT_EQ(read_file(folder / "plain"), "x");
}

TEST(WriteFileAtomic, FailedRenameLeavesTheOldOneAndNoTemporary) {
  const TempDir folder;
  fs::create_directories(folder / "target/inside");  // a file cannot be renamed over a folder
  EXPECT_THAT(error_of([&] { write_file_atomic(folder / "target", "x"); }),
              names("target", "rename"));
  EXPECT_TRUE(fs::is_directory(folder / "target/inside"));
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("target"));
}

TEST(WriteFileAtomic, FailedWriteLeavesTheOldFile) {
  const TempDir folder;
  write_file_atomic(folder / "a", "old");
  // The temporary file cannot be created where a folder has its name.
  fs::create_directories(folder / own_name("a", "tmp") / "inside");
  EXPECT_THAT(error_of([&] { write_file_atomic(folder / "a", "new"); }),
              HasSubstr("cannot create"));
  EXPECT_EQ(read_file(folder / "a"), "old");
}

TEST(WriteFileAtomic, ParentThatIsAFileIsAnError) {
  const TempDir folder;
  write_file_atomic(folder / "a", "old");
  EXPECT_THAT(error_of([&] { write_file_atomic(folder / "a/b", "x"); }),
              HasSubstr("Not a directory"));
  EXPECT_EQ(read_file(folder / "a"), "old");
}

TEST(WriteFileAtomic, FullDeviceIsAnError) {
  // Writing through this link fails with "no space left", as on a full disk; the rename never
  // comes.
  const TempDir folder;
  write_file_atomic(folder / "a", "old");
  fs::create_symlink("/dev/full", folder / own_name("a", "tmp"));
  EXPECT_THAT(error_of([&] { write_file_atomic(folder / "a", "new"); }),
              names((folder / "a").string(), "No space left on device"));
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("a"));
}

TEST(AtomicDirectory, AppearsOnlyOnCommit) {
  const TempDir folder;
  AtomicDirectory directory(folder / "deep/final/");
  fs::create_directories(directory.path() / "inside");
  write_file_atomic(directory.path() / "inside/file", "x");
  EXPECT_FALSE(fs::exists(folder / "deep/final"));
  directory.commit();
  EXPECT_EQ(read_file(folder / "deep/final/inside/file"), "x");
  EXPECT_THAT(names_in(folder / "deep"), UnorderedElementsAre("final"));
  EXPECT_THROW(directory.commit(), Error);
}

TEST(AtomicDirectory, IsRemovedUnlessCommitted) {
  const TempDir folder;
  try {
    const AtomicDirectory directory(folder / "final");
    write_file_atomic(directory.path() / "file", "x");
    fail("something went wrong");
  } catch (const Error&) {
  }
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre());
}

TEST(AtomicDirectory, RefusesToReplaceUnlessTold) {
  const TempDir folder;
  fs::create_directories(folder / "final");
  write_file_atomic(folder / "final/old", "old");
  {
    AtomicDirectory directory(folder / "final");
    EXPECT_THAT(error_of([&] { directory.commit(); }), HasSubstr("exists already"));
  }
  EXPECT_EQ(read_file(folder / "final/old"), "old");
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("final"));
  {
    AtomicDirectory directory(folder / "final");
    write_file_atomic(directory.path() / "new", "new");
    directory.commit(Existing::kReplace);
  }
  EXPECT_THAT(names_in(folder / "final"), UnorderedElementsAre("new"));
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("final"));
}

TEST(AtomicDirectory, StartsEmptyAfterAnEarlierCrash) {
  const TempDir folder;
  fs::create_directories(folder / own_name("final", "tmp") / "leftover");
  AtomicDirectory directory(folder / "final");
  EXPECT_THAT(names_in(directory.path()), UnorderedElementsAre());
}

TEST(AtomicDirectory, ParentThatIsAFileIsAnError) {
  const TempDir folder;
  write_file_atomic(folder / "a", "x");
  EXPECT_THAT(error_of([&] { AtomicDirectory directory(folder / "a/final"); }),
              names((folder / "a").string(), "create"));
}

TEST(TemporaryFolder, IsFreshAndGoesWithAllThatIsInIt) {
  std::filesystem::path path;
  {
    const TemporaryFolder folder("superpose-test"), other("superpose-test");
    path = folder.path();
    EXPECT_NE(path, other.path());
    EXPECT_TRUE(std::filesystem::is_empty(path));
    write_file_atomic(path / "a.txt", "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(RemoveAbandoned, TakesOnlyWhatEndedProcessesLeft) {
  const TempDir folder;
  const std::string dead = std::to_string(ended_process());
  fs::create_directories(folder / ("step-1.tmp-" + dead) / "inside");
  write_file_atomic(folder / ("b.old-" + dead), "x");
  write_file_atomic(folder / own_name("mine", "tmp"), "x");
  for (const char* kept : {"c.tmp-", "d.tmp-12x", "tmp-1", "e.new-1", "-"}) {
    write_file_atomic(folder / kept, "x");
  }
  EXPECT_EQ(remove_abandoned(folder.path()), 2u);
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre(own_name("mine", "tmp"), "c.tmp-",
                                                            "d.tmp-12x", "tmp-1", "e.new-1", "-"));
  EXPECT_EQ(remove_abandoned(folder / "missing"), 0u);
}

TEST(MappedFile, ShowsTheContent) {
  const TempDir folder;
  write_file_atomic(folder / "a", "content");
  const MappedFile file(folder / "a");
  ASSERT_EQ(file.size(), 7u);
  EXPECT_EQ(std::memcmp(file.data(), "content", 7), 0);
  EXPECT_EQ(file.bytes().size(), 7u);
}

TEST(MappedFile, OutlivesTheReplacementOfItsFile) {
  const TempDir folder;
  write_file_atomic(folder / "a", "old");
  const MappedFile file(folder / "a");
  write_file_atomic(folder / "a", "new");
  EXPECT_EQ(std::memcmp(file.data(), "old", 3), 0);
}

TEST(MappedFile, EmptyFileAndMoves) {
  const TempDir folder;
  write_file_atomic(folder / "empty", "");
  write_file_atomic(folder / "a", "content");
  MappedFile file(folder / "empty");
  EXPECT_EQ(file.size(), 0u);
  EXPECT_EQ(file.data(), nullptr);
  MappedFile full(folder / "a");
  file = std::move(full);
  EXPECT_EQ(file.size(), 7u);
  const MappedFile moved(std::move(file));
  EXPECT_EQ(std::memcmp(moved.data(), "content", 7), 0);
}

TEST(MappedFile, MissingFileAndFolderAreErrors) {
  const TempDir folder;
  EXPECT_THROW(MappedFile(folder / "none"), Error);
  EXPECT_THROW(MappedFile{folder.path()}, Error);
}

TEST(Fsync, MissingFileIsAnError) {
  const TempDir folder;
  EXPECT_THROW(fsync_file(folder / "none"), Error);
  fsync_file(folder.path());
}

TEST(FreeDiskBytes, WorksForAPathThatDoesNotExistYet) {
  const TempDir folder;
  EXPECT_GT(free_disk_bytes(folder.path()), 0u);
  EXPECT_GT(free_disk_bytes(folder / "not/yet/there"), 0u);
  EXPECT_GT(free_disk_bytes("relative-name-that-is-not-there"), 0u);
}

}  // namespace
}  // namespace superpose::util
