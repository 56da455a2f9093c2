#include "util/files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "util/error.h"
#include "util/file_descriptor.h"

namespace superpose::util {
namespace {

namespace fs = std::filesystem;

std::size_t file_size(const FileDescriptor& file, const fs::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_errno(path, "cannot stat");
  require(!S_ISDIR(status.st_mode), path.string(), ": expected a file, got a folder");
  return static_cast<std::size_t>(status.st_size);
}

void rename_checked(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_errno(to, "cannot rename into place");
}

fs::path parent_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

// "x/" and "x" are the same folder; only the second has a parent and a name.
fs::path without_trailing_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

fs::path name_beside(const fs::path& path, std::string_view kind) {
  fs::path result = path;
  result += std::string(".").append(kind).append("-").append(std::to_string(::getpid()));
  return result;
}

void remove_quietly(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

// The process number at the end of "<anything>.tmp-<pid>" or ".old-<pid>"; 0 for any other name.
pid_t writer_of(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string::npos || dash < 4) return 0;
  const std::string kind = name.substr(dash - 4, 5);
  if (kind != ".tmp-" && kind != ".old-") return 0;
  pid_t pid = 0;
  const char* end = name.data() + name.size();
  const auto [parsed, status] = std::from_chars(name.data() + dash + 1, end, pid);
  return status == std::errc() && parsed == end && pid > 0 ? pid : 0;
}

}  // namespace

std::string read_file(const fs::path& path) {
  const FileDescriptor file(path, O_RDONLY, "cannot open");
  std::string content(file_size(file, path), '\0');
  std::size_t used = 0;
  while (true) {
    // Files under /proc report size 0, and a file may grow while it is read.
    if (used == content.size()) content.resize(content.size() + 4096);
    const ssize_t count = ::read(file.get(), content.data() + used, content.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_errno(path, "cannot read");
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  content.resize(used);
  return content;
}

void write_file_atomic(const fs::path& path, std::string_view content) {
  const fs::path temporary = name_beside(path, "tmp");
  try {
    FileDescriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC, "cannot create");
    file.write(std::as_bytes(std::span(content)), temporary);
    if (::fsync(file.get()) != 0) fail_errno(temporary, "cannot flush");
    file.close_checked(temporary);
    rename_checked(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  fsync_file(parent_of(path));
}

void fsync_file(const fs::path& path) {
  const FileDescriptor file(path, O_RDONLY, "cannot open");
  // Some file systems cannot flush a folder and say EINVAL; there is nothing more to do on them.
  if (::fsync(file.get()) != 0 && errno != EINVAL) fail_errno(path, "cannot flush");
}

std::uint64_t free_disk_bytes(const fs::path& path) {
  std::error_code code;
  fs::path existing = fs::absolute(path);
  while (!fs::exists(existing, code) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  struct statvfs status {};
  if (::statvfs(existing.c_str(), &status) != 0) fail_errno(existing, "cannot ask for free space");
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

std::size_t remove_abandoned(const fs::path& folder) {
  std::error_code code;
  std::size_t count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    const pid_t pid = writer_of(entry.path().filename().string());
    if (pid == 0 || ::kill(pid, 0) == 0 || errno != ESRCH) continue;
    remove_quietly(entry.path());
    ++count;
  }
  return count;
}

AtomicDirectory::AtomicDirectory(fs::path final_path)
    : final_(without_trailing_slash(final_path)), temporary_(name_beside(final_, "tmp")) {
  std::error_code code;
  fs::remove_all(temporary_, code);
  fs::create_directories(temporary_, code);
  require(!code, temporary_.string(), ": cannot create folder: ", code.message());
}

AtomicDirectory::~AtomicDirectory() {
  if (!committed_) remove_quietly(temporary_);
}

void AtomicDirectory::commit(Existing existing) {
  require(!committed_, final_.string(), ": was committed already");
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(temporary_)) {
    if (entry.is_directory() || entry.is_regular_file()) fsync_file(entry.path());
  }
  fsync_file(temporary_);

  const fs::path old = name_beside(final_, "old");
  const bool replaces = fs::exists(final_);
  require(!replaces || existing == Existing::kReplace, final_.string(), ": exists already");
  if (replaces) {
    remove_quietly(old);
    rename_checked(final_, old);
  }
  rename_checked(temporary_, final_);
  committed_ = true;
  fsync_file(parent_of(final_));
  if (replaces) remove_quietly(old);
}

TemporaryFolder::TemporaryFolder(std::string_view name) {
  std::string path = (fs::temp_directory_path() / name).string() + "-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) fail_errno(path, "cannot create a temporary folder");
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() { remove_quietly(path_); }

MappedFile::MappedFile(const fs::path& path) {
  const FileDescriptor file(path, O_RDONLY, "cannot open");
  size_ = file_size(file, path);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED) fail_errno(path, "cannot map into memory");
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::expect(AccessPattern pattern) const {
  if (data_ == nullptr) return;
  const int advice = pattern == AccessPattern::kSequential ? MADV_SEQUENTIAL : MADV_NORMAL;
  ::madvise(const_cast<std::byte*>(data_), size_, advice);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace superpose::util
