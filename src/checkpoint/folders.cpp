// The folder of checkpoints: which are there, which is the newest good one, which go.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::size_t kDigits = 8;

// The step of "step-00001234"; nothing for any other name.
std::optional<std::int64_t> parse_step(const std::string& name) {
  if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + kDigits) return std::nullopt;
  std::int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [parsed, status] = std::from_chars(name.data() + kPrefix.size(), end, step);
  if (status != std::errc() || parsed != end || step < 0) return std::nullopt;
  return step;
}

// The final path of "<final>.<kind>-<pid>" where no living process but this one owns it.
std::optional<fs::path> abandoned(const fs::path& path, std::string_view kind) {
  const std::string name = path.filename().string();
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos || !parse_step(name.substr(0, dot)).has_value()) return std::nullopt;
  const std::string_view rest = std::string_view(name).substr(dot + 1);
  if (!rest.starts_with(kind)) return std::nullopt;
  pid_t pid = 0;
  const char* end = name.data() + name.size();
  const auto [parsed, status] = std::from_chars(rest.data() + kind.size(), end, pid);
  if (status != std::errc() || parsed != end || pid <= 0) return std::nullopt;
  // Our own number on a folder comes from an earlier process: in a container every start may get
  // the same one. This process is not saving now.
  if (pid != ::getpid() && (::kill(pid, 0) == 0 || errno != ESRCH)) return std::nullopt;
  return path.parent_path() / name.substr(0, dot);
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> result;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    result.push_back(entry.path());
  }
  return result;
}

bool is_whole(const fs::path& folder) {
  try {
    verify(folder, Check::kSizes);
    return true;
  } catch (const util::Error&) {
    return false;
  }
}

// Under its final name a checkpoint is whole or not there, so it loses the name first.
void remove_checkpoint(const fs::path& folder) {
  fs::path doomed = folder;
  doomed += ".tmp-" + std::to_string(::getpid());
  std::error_code code;
  fs::remove_all(doomed, code);
  fs::rename(folder, doomed, code);
  if (!code) fs::remove_all(doomed, code);
  util::require(!code, "checkpoint ", folder.string(), ": cannot remove: ", code.message());
}

}  // namespace

std::string folder_name(std::int64_t step) {
  util::require(step >= 0, "checkpoint: step must be >= 0, got ", step);
  const std::string digits = std::to_string(step);
  const std::size_t zeros = kDigits - std::min(kDigits, digits.size());
  return std::string(kPrefix) + std::string(zeros, '0') + digits;
}

std::int64_t step_of(const fs::path& checkpoint) {
  const std::optional<std::int64_t> step = parse_step(checkpoint.filename().string());
  util::require(step.has_value(), checkpoint.string(), ": is not called as a checkpoint is");
  return *step;
}

std::vector<fs::path> list(const fs::path& checkpoints_dir) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  for (const fs::path& path : entries(checkpoints_dir)) {
    const auto step = parse_step(path.filename().string());
    if (step.has_value() && fs::is_directory(path)) found.emplace_back(*step, path);
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> result;
  for (auto& [step, path] : found) result.push_back(std::move(path));
  return result;
}

std::vector<std::string> find_foreign(const fs::path& checkpoints_dir) {
  std::vector<std::string> names;
  for (const fs::path& path : entries(checkpoints_dir)) {
    const std::string name = path.filename().string();
    if (parse_step(name).has_value() && !has_manifest(path)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<fs::path> latest_valid(const fs::path& checkpoints_dir,
                                     const RefusalCallback& on_refused, Check check) {
  std::vector<fs::path> folders = list(checkpoints_dir);
  std::reverse(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    try {
      verify(folder, check);
      return folder;
    } catch (const util::Error& error) {
      if (on_refused) on_refused(folder, error.what());
    }
  }
  return std::nullopt;
}

namespace {

// Whether something lies in the folder that was not saved with it.
bool holds_others(const fs::path& folder) {
  const util::Json manifest =
      util::parse_json(util::read_file(folder / kManifestFile), (folder / kManifestFile).string());
  const util::Json& files = manifest.at("files");
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (name == kTrainerFolder || name == kManifestFile || name == kPinFile) continue;
    if (!files.contains(name)) return true;
  }
  return false;
}

}  // namespace

std::vector<fs::path> prune(const fs::path& checkpoints_dir, std::int64_t keep) {
  util::require(keep >= 1, "checkpoint: keep must be >= 1, got ", keep);
  std::vector<fs::path> folders = list(checkpoints_dir);
  std::reverse(folders.begin(), folders.end());
  std::vector<fs::path> removed;
  std::int64_t kept = 0;
  for (const fs::path& folder : folders) {
    if (is_pinned(folder) || !has_manifest(folder) || holds_others(folder)) continue;
    if (kept < keep) {
      if (is_whole(folder)) ++kept;
      continue;
    }
    remove_checkpoint(folder);
    removed.push_back(folder);
  }
  return removed;
}

std::optional<std::string> link_latest(const fs::path& checkpoints_dir) {
  const fs::path link = checkpoints_dir / kLatestLink;
  std::error_code code;
  const fs::file_status status = fs::symlink_status(link, code);
  if (fs::exists(status) && !fs::is_symlink(status)) return link.string() + ": is not a link";
  std::vector<fs::path> folders = list(checkpoints_dir);
  const auto newest = std::find_if(folders.rbegin(), folders.rend(), is_whole);
  if (newest == folders.rend()) {
    fs::remove(link, code);
    return std::nullopt;
  }
  // A reader sees the old link or the new one. The name is fixed: one process writes here.
  const fs::path fresh = checkpoints_dir / (std::string(kLatestLink) + ".tmp");
  fs::remove(fresh, code);
  fs::create_symlink(newest->filename(), fresh, code);
  if (!code) fs::rename(fresh, link, code);
  if (code) return link.string() + ": cannot be made a link: " + code.message();
  return std::nullopt;
}

void set_pinned(const fs::path& folder, bool pinned) {
  if (pinned) {
    util::write_file_atomic(folder / kPinFile, "");
    return;
  }
  std::error_code code;
  fs::remove(folder / kPinFile, code);
  util::require(!code, (folder / kPinFile).string(), ": cannot remove: ", code.message());
}

bool is_pinned(const fs::path& folder) { return fs::exists(folder / kPinFile); }

std::vector<fs::path> remove_stale(const fs::path& checkpoints_dir) {
  std::vector<fs::path> removed;
  for (const fs::path& path : entries(checkpoints_dir)) {
    std::error_code code;
    // Killed between the two renames of a replacement: the old one is still the good one.
    const auto replaced = abandoned(path, "old-");
    if (replaced.has_value() && !fs::exists(*replaced)) {
      fs::rename(path, *replaced, code);
      continue;
    }
    if (!replaced.has_value() && !abandoned(path, "tmp-").has_value()) continue;
    fs::remove_all(path, code);
    removed.push_back(path);
  }
  return removed;
}

}  // namespace superpose::checkpoint
