#include "util/output_folder.h"

#include <fcntl.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "util/error.h"
#include "util/file_lock.h"
#include "util/hash.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::util {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMarkerSchema = 1;
constexpr const char* kAbout =
    "Files that superpose wrote here, with the XXH3 of each; without --overwrite it replaces no "
    "others.";

fs::file_type type_of(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type();
}

bool is_there(const fs::path& path) { return type_of(path) != fs::file_type::not_found; }

// A link is replaced as such; what it leads to stays.
bool is_file_or_link(const fs::path& path) {
  const fs::file_type type = type_of(path);
  return type == fs::file_type::regular || type == fs::file_type::symlink;
}

// /dev, and /dev/fd wherever it leads: the links there, such as /dev/stdout, are the system's, and
// --overwrite must not replace one by a file.
bool holds_devices(const fs::path& folder) {
  std::error_code ignored;
  const fs::path real = fs::weakly_canonical(folder, ignored);
  return real == "/dev" || (real.string().starts_with("/proc/") && real.filename() == "fd");
}

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  require(!error, folder.string(), ": cannot create folder: ", error.message());
}

// Keeps two processes from changing one marker at the same time. Where the file system locks no
// folders (NFS) they are left to themselves, as there is nothing else that goes with the process.
FileLock locked(const fs::path& folder) {
  FileLock lock(FileDescriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  lock.lock(Wait::kYes);
  return lock;
}

std::string marker_text(const std::map<std::string, std::vector<std::string>>& files) {
  const Json json = {{"schema", kMarkerSchema}, {"about", kAbout}, {"files", files}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string_view what_lies_at(const fs::path& path) {
  return type_of(path) == fs::file_type::directory ? "a folder" : "a device or the like";
}

OutputFolder::OutputFolder(fs::path folder, Overwrite overwrite, Recognize recognize)
    : folder_(std::move(folder)), overwrite_(overwrite), recognize_(std::move(recognize)) {
  require(!folder_.empty(), "the folder to write to must have a name, got an empty text");
}

void OutputFolder::check(const std::vector<std::string>& names) const {
  require(!is_there(folder_) || fs::is_directory(folder_), folder_.string(),
          ": exists but is not a folder");
  require(!holds_devices(folder_), (names.empty() ? folder_ : folder_ / names.front()).string(),
          ": cannot write here: what is in its folder stands for devices and open files");
  const Marker marker = read_marker();
  std::vector<std::string> foreign;
  for (const std::string& name : names) {
    const fs::path path = folder_ / name;
    if (!is_there(path)) continue;
    require(is_file_or_link(path), path.string(), ": cannot write here: ", what_lies_at(path),
            " has this name; move it, or choose another folder");
    if (overwrite_ == Overwrite::kOwn && !is_own(name, marker)) foreign.push_back(name);
  }
  require(foreign.empty(), folder_.string(), ": would overwrite ", join(foreign, ", "),
          ", which superpose did not write or which ", foreign.size() == 1 ? "has" : "have",
          " changed since; choose another folder, or give --overwrite");
}

bool OutputFolder::is_own(const std::string& name) const { return is_own(name, read_marker()); }

bool OutputFolder::is_own(const std::string& name, const Marker& marker) const {
  const fs::path path = folder_ / name;
  if (type_of(path) != fs::file_type::regular) return false;
  const auto listed = marker.find(name);
  if (listed == marker.end()) return recognize_ && recognize_(name, read_file(path));
  const std::vector<std::string>& hashes = listed->second;
  return std::find(hashes.begin(), hashes.end(), hex64(hash_file(path))) != hashes.end();
}

// With --overwrite a marker that is the user's own file is replaced as any other.
OutputFolder::Marker OutputFolder::read_marker() const {
  const fs::path path = folder_ / kMarkerName;
  if (!is_there(path)) return {};
  require(is_file_or_link(path), path.string(), ": cannot write here: ", what_lies_at(path),
          " has this name; move it");
  try {
    require(type_of(path) == fs::file_type::regular, path.string(), ": is a symbolic link");
    const Json json = parse_json(read_file(path), path.string());
    require(json.is_object() && json.value("schema", Json()) == kMarkerSchema, path.string(),
            ": schema must be ", kMarkerSchema);
    return json.at("files").get<Marker>();
  } catch (const std::exception& error) {
    if (overwrite_ == Overwrite::kAny) return {};
    fail(folder_.string(), ": would overwrite ", kMarkerName,
         " (superpose lists its files there; this one is not its own: ", error.what(),
         "): choose another folder, or give --overwrite");
  }
}

// Both the old content and the new one are listed before the file changes, so that there is no
// moment at which it is not.
void OutputFolder::list(Marker& marker, const std::string& name,
                        const std::string& new_hash) const {
  std::vector<std::string> hashes = {new_hash};
  if (is_own(name, marker)) {
    const std::string old_hash = hex64(hash_file(folder_ / name));
    if (old_hash != new_hash) hashes.push_back(old_hash);
  }
  marker[name] = std::move(hashes);
}

void OutputFolder::write(const std::string& name, std::string_view content) const {
  create_folder(folder_);
  const FileLock lock = locked(folder_);
  check({name});
  Marker marker = read_marker();
  list(marker, name, hex64(hash64(content)));
  write_file_atomic(folder_ / kMarkerName, marker_text(marker));
  write_file_atomic(folder_ / name, content);
}

AtomicDirectory OutputFolder::stage() const {
  return AtomicDirectory(is_there(folder_) ? folder_ / ".superpose" : folder_);
}

void OutputFolder::commit(AtomicDirectory& staged) const {
  const std::vector<std::string> names = files_in(staged.path());
  const bool is_new = !is_there(folder_);
  if (!is_new) check(names);
  const FileLock lock = locked(folder_);
  Marker marker = is_new ? Marker() : read_marker();
  for (const std::string& name : names) {
    list(marker, name, hex64(hash_file(staged.path() / name)));
  }
  write_file_atomic((is_new ? staged.path() : folder_) / kMarkerName, marker_text(marker));
  if (is_new) {
    staged.commit();
    return;
  }
  for (const std::string& name : names) {
    fsync_file(staged.path() / name);
    fs::rename(staged.path() / name, folder_ / name);
  }
  fsync_file(folder_);
}

OutputFile::OutputFile(const fs::path& path, Overwrite overwrite)
    : folder_(path.has_parent_path() ? path.parent_path() : ".", overwrite),
      name_(path.filename().string()) {
  require(!path.empty(), "the file to write must have a name, got an empty text");
  require(!name_.empty(), path.string(), ": must be the name of a file, is a folder's");
}

}  // namespace superpose::util
