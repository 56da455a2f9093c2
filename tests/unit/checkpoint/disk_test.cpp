// Saving onto disks that are, or run, full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cstring>
#include <fstream>

#include "contents.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"

namespace superpose::checkpoint {
namespace {

namespace fs = std::filesystem;
using test::names;
using testing::ElementsAre;

std::string error_of_save(const fs::path& dir, std::int64_t step, std::int64_t num_elements) {
  Contents contents = small_contents(step);
  contents.model.push_back({"lm_head.weight", at::arange(num_elements, at::kFloat)});
  return test::error_of([&] { save(dir, step, contents); });
}

// A file system of its own, in memory. Needs the right to mount.
class SmallDisk {
 public:
  explicit SmallDisk(const char* options)
      : mounted_(::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, options) == 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount(dir_.path().c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const fs::path& path() const { return dir_.path(); }

 private:
  const test::TempDir dir_;
  bool mounted_;
};

constexpr char kSkipped[] = "skipped: no right to mount a small disk here";

void expect_only_step_1(const fs::path& dir) {
  EXPECT_THAT(list(dir), ElementsAre(dir / "step-00000001"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
  EXPECT_NO_THROW(verify(dir / "step-00000001"));
}

TEST(SmallDisk, TooSmallIsSaidBeforeAnythingIsWritten) {
  const SmallDisk disk("size=1m");
  if (!disk.mounted()) GTEST_SKIP() << kSkipped;
  ASSERT_EQ(error_of_save(disk.path(), 1, 1), "");
  EXPECT_THAT(error_of_save(disk.path(), 2, 1 << 20),
              names("step-00000002", "not saved", " are free"));
  expect_only_step_1(disk.path());
}

// Room for the bytes, none for more files: the disk is full halfway.
TEST(SmallDisk, FullWhileSavingLeavesTheOlderOnes) {
  const SmallDisk disk("size=4m,nr_inodes=16");
  if (!disk.mounted()) GTEST_SKIP() << kSkipped;
  ASSERT_EQ(error_of_save(disk.path(), 1, 1), "");
  EXPECT_THAT(
      error_of_save(disk.path(), 2, 1000),
      names("step-00000002", "not saved", "No space left on device", "earlier checkpoints"));
  expect_only_step_1(disk.path());
}

// What a file system without links does, too: it is said and nothing fails.
TEST(SmallDisk, WithoutRoomForALinkSaysSo) {
  const SmallDisk disk("size=1m,nr_inodes=12");
  if (!disk.mounted()) GTEST_SKIP() << kSkipped;
  ASSERT_EQ(error_of_save(disk.path(), 1, 1), "");
  while (
      std::ofstream(disk.path() / std::to_string(std::distance(fs::directory_iterator(disk.path()),
                                                               fs::directory_iterator())))
          .good()) {
  }
  EXPECT_THAT(link_latest(disk.path()).value_or(""), names("latest", "link"));
  EXPECT_NO_THROW(verify(disk.path() / "step-00000001"));
}

// Files larger than this cannot be written; stands for a write that fails in its middle.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  sighandler_t handler_ = SIG_DFL;
};

TEST(FailedWrite, LeavesTheOlderOnes) {
  const test::TempDir dir;
  ASSERT_EQ(error_of_save(dir.path(), 1, 1), "");
  {
    const FileSizeLimit limit(100'000);
    EXPECT_THAT(error_of_save(dir.path(), 2, 100'000),
                names("model.safetensors", "write", "needs"));
  }
  expect_only_step_1(dir.path());
  EXPECT_EQ(error_of_save(dir.path(), 2, 100'000), "");
}

TEST(FailedWrite, NamesAFolderThatCannotBeMade) {
  EXPECT_THAT(error_of_save("/dev/null/checkpoints", 1, 1),
              names("/dev/null/checkpoints/step-00000001", "create"));
}

}  // namespace
}  // namespace superpose::checkpoint
