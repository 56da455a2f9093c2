// Files that a command writes for its user: its own are replaced, the user's are not.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "util/files.h"

namespace superpose::util {

// Which of the files in a command's way it may replace.
enum class Overwrite {
  kOwn,  // those that this program wrote and nobody has changed since
  kAny,  // every one: --overwrite
};

// Lists what this program wrote into the folder it lies in (docs/formats/output-folders.md).
inline constexpr const char* kMarkerName = ".superpose.json";

// "a folder" or "a device or the like": what is in the way of a file at `path`.
std::string_view what_lies_at(const std::filesystem::path& path);

// A folder that whole files are written into, next to whatever else lies there. Its marker lists
// each file that this program wrote by its hash: that file may be replaced. Every other file is the
// user's, and so is one of ours that was edited.
class OutputFolder {
 public:
  // Whether a file that the marker does not list comes from a version that wrote no markers.
  using Recognize = std::function<bool(const std::string& name, const std::string& content)>;

  // Throws Error where `folder` is empty.
  explicit OutputFolder(std::filesystem::path folder, Overwrite overwrite = Overwrite::kOwn,
                        Recognize recognize = {});

  const std::filesystem::path& path() const { return folder_; }

  // Throws Error that names every one of `names` that must not be replaced. What is not a file (a
  // folder, a device) never is, nor is what lies in /dev; a symbolic link is the user's. Writes
  // nothing.
  void check(const std::vector<std::string>& names) const;

  // Whether the file is there and may be replaced without --overwrite.
  bool is_own(const std::string& name) const;

  // check(), then write_file_atomic; creates the folder. A process that is killed at any moment
  // leaves the old file or the new one, and a marker that lists it.
  void write(const std::string& name, std::string_view content) const;

  // Where to write several files that belong together, or large ones, for commit(). On the same
  // file system.
  AtomicDirectory stage() const;
  // The files of stage(), likewise; all of them or, where one must not be replaced, none. A folder
  // that did not exist appears whole or not at all.
  void commit(AtomicDirectory& staged) const;

 private:
  // Hashes by file: of the content that it has, and of the one that it is about to get.
  using Marker = std::map<std::string, std::vector<std::string>>;

  Marker read_marker() const;
  bool is_own(const std::string& name, const Marker& marker) const;
  void list(Marker& marker, const std::string& name, const std::string& new_hash) const;

  std::filesystem::path folder_;
  Overwrite overwrite_;
  Recognize recognize_;
};

// A single file that a command writes where its user says.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path, Overwrite overwrite = Overwrite::kOwn);

  void check() const { folder_.check({name_}); }
  void write(std::string_view content) const { folder_.write(name_, content); }

 private:
  OutputFolder folder_;
  std::string name_;
};

}  // namespace superpose::util
