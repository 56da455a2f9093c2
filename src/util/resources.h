// What this process may use of its machine: fewer cores and less memory than there are where an
// affinity mask (taskset) or a control group (a container, a service, a batch job) says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace superpose::util {

// Threads that a command may be told to use. More make some libraries crash.
inline constexpr std::int64_t kMostThreads = 1024;

struct Cores {
  std::int64_t allowed = 1;     // CPUs in the affinity mask and the cpuset
  std::optional<double> quota;  // CPU time per time that the control groups grant

  // What "all cores" means everywhere: no more threads than can run at once. At least 1.
  std::int64_t count() const;
};

struct Memory {
  std::int64_t bytes = 0;  // of the machine, or less where a control group grants less; 0 = unknown
  std::int64_t swap_bytes = 0;  // of the machine
  bool is_group_limit = false;
};

// Control groups are those of version 1 and 2 as /proc/self/cgroup and /proc/self/mountinfo name
// them. Groups lie within each other: the smallest limit counts, from the process's own group up to
// the top of what is mounted. `root` stands for "/": the folder under which proc and the mounted
// hierarchies are looked for. Files that are not there limit nothing.
Cores cores(const std::filesystem::path& root = "/");
Memory memory(const std::filesystem::path& root = "/");

// cores().count()
std::int64_t available_cores();

}  // namespace superpose::util
