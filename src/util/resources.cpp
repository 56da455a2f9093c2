#include "util/resources.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace superpose::util {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// Nothing unless all of the text is a number that fits: "max" and other words set no limit.
std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// The n-th word of a file's first line.
std::optional<std::string> word(const fs::path& path, std::size_t index = 0) {
  const std::vector<std::string> lines = lines_of(path);
  if (lines.empty()) return std::nullopt;
  const std::vector<std::string> words = split(lines.front(), ' ');
  if (index >= words.size()) return std::nullopt;
  return words[index];
}

std::optional<std::int64_t> number_in(const fs::path& path, std::size_t index = 0) {
  const std::optional<std::string> text = word(path, index);
  return text ? number(*text) : std::nullopt;
}

// A mounted hierarchy of control groups; in mountinfo's words.
struct Mount {
  fs::path root;   // the group that lies at `point`
  fs::path point;  // folder
  bool is_v2 = false;
  std::vector<std::string> options;  // v1: also the names of its controllers
};

// mountinfo writes a blank as \040, and so on.
std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      int code = 0;
      std::from_chars(&text[i + 1], &text[i + 4], code, 8);
      result += static_cast<char>(code);
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// "31 23 0:28 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct"
std::vector<Mount> mounts(const fs::path& root) {
  std::vector<Mount> found;
  for (const std::string& line : lines_of(root / "proc/self/mountinfo")) {
    const std::vector<std::string> words = split(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (dash - words.begin() < 6 || words.end() - dash < 4) continue;
    if (dash[1] != "cgroup" && dash[1] != "cgroup2") continue;
    const fs::path point = unescaped(words[4]);
    found.push_back({unescaped(words[3]), root / point.relative_path(), dash[1] == "cgroup2",
                     split(dash[3], ',')});
  }
  return found;
}

// The process's group in the hierarchy of a v1 controller, or in that of v2 where the name is
// empty: "4:cpu,cpuacct:/user/job", "0::/user/job".
std::optional<fs::path> group_of(const fs::path& root, const std::string& controller) {
  for (const std::string& line : lines_of(root / "proc/self/cgroup")) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    const std::vector<std::string> list = split(names, ',');
    const bool is_it = controller.empty()
                           ? names.empty()
                           : std::find(list.begin(), list.end(), controller) != list.end();
    if (is_it) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Folders from the top of a mount down to a group. A group that lies elsewhere, as seen from
// another namespace, leaves the top alone.
std::vector<fs::path> folders_along(const Mount& mount, const fs::path& group) {
  std::vector<fs::path> folders = {mount.point};
  const fs::path below = group.lexically_relative(mount.root);
  if (below.empty() || *below.begin() == ".." || *below.begin() == ".") return folders;
  for (const fs::path& part : below) {
    if (!part.empty()) folders.push_back(folders.back() / part);
  }
  return folders;
}

// The smallest of what `read(folder)` finds in the groups that this process is in.
template <class Read>
auto smallest(const fs::path& root, const std::string& controller, const Read& read) {
  decltype(read(root)) least;
  for (const Mount& mount : mounts(root)) {
    const auto& options = mount.options;
    const bool has_it =
        mount.is_v2 || std::find(options.begin(), options.end(), controller) != options.end();
    const auto group = group_of(root, mount.is_v2 ? "" : controller);
    if (!has_it || !group) continue;
    for (const fs::path& folder : folders_along(mount, *group)) {
      const auto limit = read(folder);
      if (limit && (!least || *limit < *least)) least = limit;
    }
  }
  return least;
}

// v1: two files, a quota of -1 where there is none; v2: "max 100000" or "150000 100000".
std::optional<double> read_quota(const fs::path& folder) {
  auto quota = number_in(folder / "cpu.cfs_quota_us");
  auto period = number_in(folder / "cpu.cfs_period_us");
  if (!quota) {
    quota = number_in(folder / "cpu.max", 0);
    period = number_in(folder / "cpu.max", 1);
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// How many CPUs a list such as "0-3,8" names; nothing for an empty one, which stands for all.
std::optional<std::int64_t> count_listed(const std::string& list) {
  std::int64_t count = 0;
  for (const std::string& range : split(list, ',')) {
    const std::size_t dash = range.find('-');
    const auto first = number(std::string_view(range).substr(0, dash));
    const auto last =
        dash == std::string::npos ? first : number(std::string_view(range).substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    count += *last - *first + 1;
  }
  return count > 0 ? std::optional(count) : std::nullopt;
}

std::optional<std::int64_t> read_cpuset(const fs::path& folder) {
  for (const char* name : {"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"}) {
    if (const auto list = word(folder / name)) return count_listed(*list);
  }
  return std::nullopt;
}

std::optional<std::int64_t> read_memory(const fs::path& folder) {
  const auto v1 = number_in(folder / "memory.limit_in_bytes");
  return v1 ? v1 : number_in(folder / "memory.max");
}

// CPUs that the system lets this thread run on.
std::int64_t count_affinity() {
  // The kernel refuses a mask that is smaller than its own.
  for (std::size_t cpus = CPU_SETSIZE; cpus <= std::size_t{1} << 20; cpus *= 2) {
    std::vector<cpu_set_t> mask(cpus / CPU_SETSIZE);
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, mask.data()) == 0) return CPU_COUNT_S(bytes, mask.data());
    if (errno != EINVAL) break;
  }
  return std::thread::hardware_concurrency();
}

}  // namespace

std::int64_t Cores::count() const {
  // Half a core more is a thread more: it runs half of the time.
  const auto granted = quota ? static_cast<std::int64_t>(std::ceil(*quota)) : allowed;
  return std::max<std::int64_t>(1, std::min(allowed, granted));
}

Cores cores(const fs::path& root) {
  const std::int64_t affinity = std::max<std::int64_t>(1, count_affinity());
  const auto listed = smallest(root, "cpuset", read_cpuset);
  return {std::min(affinity, listed.value_or(affinity)), smallest(root, "cpu", read_quota)};
}

Memory memory(const fs::path& root) {
  Memory memory;
  for (const std::string& line : lines_of(root / "proc/meminfo")) {
    std::istringstream words(line);
    std::string name;
    std::int64_t kib = 0;
    if (!(words >> name >> kib)) continue;
    if (name == "MemTotal:") memory.bytes = kib * 1024;
    if (name == "SwapTotal:") memory.swap_bytes = kib * 1024;
  }
  const auto limit = smallest(root, "memory", read_memory);
  if (limit && (memory.bytes == 0 || *limit < memory.bytes)) {
    memory.bytes = *limit;
    memory.is_group_limit = true;
  }
  return memory;
}

std::int64_t available_cores() { return cores().count(); }

}  // namespace superpose::util
