// Writes the files of a checkpoint and returns the size and hash of each.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "checkpoint/safetensors.h"
#include "util/file_descriptor.h"
#include "util/hash.h"

namespace superpose::checkpoint {

// A new file, written front to back and hashed on the way, so that a manifest costs no second
// reading. Throws util::Error naming the path and the system's reason; removes nothing (the folder
// around it does).
class FileWriter {
 public:
  // `path` must not exist.
  explicit FileWriter(std::filesystem::path path);

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);

  // Closes. A full disk behind a network file system may be reported only here.
  FileDigest finish();

 private:
  std::filesystem::path path_;
  util::FileDescriptor file_;
  std::uint64_t size_ = 0;
  util::Hasher hasher_;
};

FileDigest write_text(const std::filesystem::path& path, std::string_view text);

}  // namespace superpose::checkpoint
