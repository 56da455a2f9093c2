#include "util/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "support/temp_dir.h"

namespace superpose::util {
namespace {

namespace fs = std::filesystem;
using ::testing::Eq;
using ::testing::Optional;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

// A made-up machine: /proc and mounted hierarchies of control groups below a folder.
class Machine {
 public:
  Machine() { write("proc/meminfo", "MemTotal:       16777216 kB\nSwapTotal:       1048576 kB\n"); }

  Machine& write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
    return *this;
  }
  // The process's groups, and where hierarchies are mounted, as Linux writes it.
  Machine& groups(const std::string& text) { return write("proc/self/cgroup", text); }
  Machine& mounted(const std::string& text) { return write("proc/self/mountinfo", text); }
  Machine& v2(const std::string& group, const std::string& top = "/") {
    groups("0::" + group + "\n");
    return mounted("22 1 8:1 / / rw - ext4 /dev/sda rw\n30 22 0:26 " + top +
                   " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  Machine& v1(const std::string& group, const std::string& top = "/") {
    groups("5:memory:" + group + "\n4:cpu,cpuacct:" + group + "\n3:cpuset:" + group +
           "\n1:name=systemd:/init.scope\n0::/init.scope\n");
    const std::string from = "40 30 0:33 " + top + " /sys/fs/cgroup/";
    return mounted(from + "cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" + from +
                   "memory rw - cgroup cgroup rw,memory\n" + from +
                   "cpuset rw - cgroup cgroup rw,cpuset\n" +
                   "44 30 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  }

  Cores cores() const { return util::cores(folder_.path()); }
  Memory memory() const { return util::memory(folder_.path()); }

 private:
  test::TempDir folder_;
};

TEST(Cores, QuotaIsRoundedUpAndNeverBelowOne) {
  struct Row {
    std::int64_t allowed;
    std::optional<double> quota;
    std::int64_t count;
  };
  for (const Row& row : {Row{8, {}, 8}, Row{8, 0.1, 1}, Row{8, 1, 1}, Row{8, 1.01, 2},
                         Row{8, 7.5, 8}, Row{8, 64, 8}, Row{1, 4, 1}}) {
    EXPECT_EQ((Cores{row.allowed, row.quota}.count()), row.count)
        << row.allowed << ' ' << row.quota.value_or(-1);
  }
}

TEST(Cores, VersionTwoHasOneFile) {
  EXPECT_THAT(Machine().v2("/").write("sys/fs/cgroup/cpu.max", "150000 100000\n").cores().quota,
              Optional(1.5));
  EXPECT_THAT(Machine().v2("/").write("sys/fs/cgroup/cpu.max", "max 100000\n").cores().quota,
              Eq(std::nullopt));
  EXPECT_THAT(Machine().v2("/").cores().quota, Eq(std::nullopt))
      << "the top group has no such file";
}

TEST(Cores, VersionOneHasTwoFiles) {
  const std::string folder = "sys/fs/cgroup/cpu,cpuacct/job/";
  EXPECT_THAT(Machine()
                  .v1("/job")
                  .write(folder + "cpu.cfs_quota_us", "50000\n")
                  .write(folder + "cpu.cfs_period_us", "100000\n")
                  .cores()
                  .quota,
              Optional(0.5));
  EXPECT_THAT(Machine()
                  .v1("/job")
                  .write(folder + "cpu.cfs_quota_us", "-1\n")
                  .write(folder + "cpu.cfs_period_us", "100000\n")
                  .cores()
                  .quota,
              Eq(std::nullopt));
}

TEST(Cores, TheSmallestGroupOnThePathCounts) {
  const std::string top = "sys/fs/cgroup/";
  for (const auto& [outer, middle, own] :
       {std::array{"400000 100000", "max 100000", "200000 100000"},
        std::array{"max 100000", "200000 100000", "300000 100000"},
        std::array{"100000 50000", "max 100000", "max 100000"}}) {
    EXPECT_THAT(Machine()
                    .v2("/slice/service/job")
                    .write(top + "slice/cpu.max", outer)
                    .write(top + "slice/service/cpu.max", middle)
                    .write(top + "slice/service/job/cpu.max", own)
                    .write(top + "slice/service/job/below/cpu.max", "10000 100000")
                    .write(top + "other/cpu.max", "10000 100000")
                    .cores()
                    .quota,
                Optional(2.0))
        << outer << ", " << middle << ", " << own;
  }
}

// Docker with version 1: the container's own group is what is mounted, and its path is the host's.
TEST(Cores, AMountMayBeginAtTheGroup) {
  EXPECT_THAT(Machine()
                  .v1("/docker/4f", "/docker/4f")
                  .write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000")
                  .write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
                  .cores()
                  .quota,
              Optional(3.0));
  EXPECT_THAT(Machine()
                  .v2("/docker/4f/inner", "/docker/4f")
                  .write("sys/fs/cgroup/inner/cpu.max", "200000 100000")
                  .cores()
                  .quota,
              Optional(2.0));
  // Seen from another namespace: the path points outside what is mounted.
  EXPECT_THAT(Machine()
                  .v2("/../other", "/")
                  .write("sys/fs/cgroup/cpu.max", "200000 100000")
                  .write("sys/fs/other/cpu.max", "100000 100000")
                  .cores()
                  .quota,
              Optional(2.0));
}

TEST(Cores, APlaceWithABlankIsFound) {
  EXPECT_THAT(Machine()
                  .groups("0::/a job\n")
                  .mounted("30 22 0:26 / /my\\040groups rw - cgroup2 cgroup2 rw\n")
                  .write("my groups/a job/cpu.max", "200000 100000")
                  .cores()
                  .quota,
              Optional(2.0));
}

TEST(Cores, CpusetsAreCounted) {
  const std::int64_t all = util::cores("/nowhere").allowed;
  EXPECT_EQ(Machine().v2("/").write("sys/fs/cgroup/cpuset.cpus.effective", "7\n").cores().allowed,
            1);
  EXPECT_EQ(Machine()
                .v1("/job")
                .write("sys/fs/cgroup/cpuset/cpuset.cpus", "0-8191\n")
                .write("sys/fs/cgroup/cpuset/job/cpuset.cpus", "5-5\n")
                .cores()
                .allowed,
            1);
  for (const char* list : {"0-4095,5000,6000-6001\n", "\n", "\x01\n"}) {
    EXPECT_EQ(Machine().v2("/").write("sys/fs/cgroup/cpuset.cpus.effective", list).cores().allowed,
              all)
        << list;
  }
}

TEST(Cores, FilesThatMakeNoSenseLimitNothing) {
  for (const char* text : {"", "\n", "abc def\n", "100000\n", "0 100000\n", "100000 0\n",
                           "-5 100000\n", "99999999999999999999 100000\n"}) {
    EXPECT_THAT(Machine().v2("/").write("sys/fs/cgroup/cpu.max", text).cores().quota,
                Eq(std::nullopt))
        << text;
  }
  EXPECT_THAT(Machine().groups("nonsense\n0:\n").mounted("30 - cgroup2\n- - -\n").cores().quota,
              Eq(std::nullopt));
  EXPECT_GE(util::cores("/nowhere").count(), 1);
}

TEST(Cores, AffinityCounts) {
  std::int64_t bound = 0;
  std::jthread([&bound] {
    cpu_set_t mask;
    ASSERT_EQ(sched_getaffinity(0, sizeof(mask), &mask), 0);
    int first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    ASSERT_EQ(sched_setaffinity(0, sizeof(mask), &mask), 0);
    bound = available_cores();
  }).join();
  EXPECT_EQ(bound, 1);
  EXPECT_GE(available_cores(), bound);
}

TEST(Memory, IsTheMachinesOrTheGroups) {
  const Memory whole = Machine().v2("/").memory();
  EXPECT_EQ(whole.bytes, 16 * kGiB);
  EXPECT_EQ(whole.swap_bytes, kGiB);
  EXPECT_FALSE(whole.is_group_limit);

  const Memory v2 = Machine()
                        .v2("/a/b")
                        .write("sys/fs/cgroup/a/memory.max", std::to_string(2 * kGiB))
                        .write("sys/fs/cgroup/a/b/memory.max", "max\n")
                        .memory();
  EXPECT_EQ(v2.bytes, 2 * kGiB);
  EXPECT_TRUE(v2.is_group_limit);

  const Memory v1 =
      Machine()
          .v1("/a")
          .write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
          .write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", std::to_string(kGiB))
          .memory();
  EXPECT_EQ(v1.bytes, kGiB);
  EXPECT_TRUE(v1.is_group_limit);

  const Memory without =
      Machine()
          .v1("/")
          .write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
          .memory();
  EXPECT_EQ(without.bytes, 16 * kGiB);
  EXPECT_FALSE(without.is_group_limit) << "v1 writes a huge number for none";
}

}  // namespace
}  // namespace superpose::util
