// Files and folders that are there whole or not at all. Every function throws Error naming the path
// and the reason of the operating system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace superpose::util {

// The whole file, as it is on disk.
std::string read_file(const std::filesystem::path& path);

// Replaces or creates `path` so that a reader, and the machine after a power cut, sees the old
// content or the new one: writes "<path>.tmp-<pid>", flushes it, renames it, flushes the folder.
// The old file is untouched upon failure.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

// Flushes a file, or a folder's list of names, to the disk.
void fsync_file(const std::filesystem::path& path);

// Bytes that an unprivileged process may still write to the file system that holds `path` (or,
// where `path` does not exist yet, its nearest existing parent).
std::uint64_t free_disk_bytes(const std::filesystem::path& path);

// Removes "<anything>.tmp-<pid>" and "<anything>.old-<pid>" entries of `folder` whose process is
// gone: what a killed writer left behind. Returns how many. For a folder that processes of one
// machine write to; a missing folder is 0.
std::size_t remove_abandoned(const std::filesystem::path& folder);

// What AtomicDirectory::commit does where the final folder exists already.
enum class Existing { kRefuse, kReplace };

// A folder built under a temporary name next to its final one, "<final>.tmp-<pid>". Parents are
// created.
class AtomicDirectory {
 public:
  explicit AtomicDirectory(std::filesystem::path final_path);
  // Removes the temporary folder unless committed.
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  // Where to write files; valid until commit().
  const std::filesystem::path& path() const { return temporary_; }

  // Flushes every file and folder inside, renames to the final name, flushes the parent. With
  // kReplace an old folder is moved aside first and removed last, so at every moment one whole
  // folder exists under some name.
  void commit(Existing existing = Existing::kRefuse);

 private:
  std::filesystem::path final_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

// A fresh empty folder for temporary files, removed with all that is in it at the end of the scope.
class TemporaryFolder {
 public:
  // The folder's name begins with `name`.
  explicit TemporaryFolder(std::string_view name);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// How a mapped file is read: from place to place, or once from front to back (then more is read
// ahead).
enum class AccessPattern { kMixed, kSequential };

// A file mapped read-only into memory. Empty files are fine (data() is then null).
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Tells the operating system how the file will be read from now on; it may not listen.
  void expect(AccessPattern pattern) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace superpose::util
