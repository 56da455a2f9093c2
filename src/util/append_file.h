// Files that grow and survive a kill.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "util/file_descriptor.h"

namespace superpose::util {

// A file that only grows and can be resumed after a kill: what was written up to the last sync() is
// there, what came after may be and is cut off by the next one that opens it.
//
// Every function throws Error naming the path and the reason of the operating system.
class AppendFile {
 public:
  // Keeps the first `size` bytes of the file (created where `size` is 0) and writes behind them.
  // Throws where the file is shorter.
  AppendFile(std::filesystem::path path, std::uint64_t size);
  // What is still buffered is lost; call sync() or close() first.
  ~AppendFile() = default;
  AppendFile(AppendFile&& other) noexcept = default;
  AppendFile& operator=(AppendFile&& other) = delete;

  void append(std::span<const std::byte> bytes);

  template <class Number>
  void append_number(Number value) {
    append(std::as_bytes(std::span(&value, 1)));
  }

  // With what is buffered.
  std::uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  // Puts everything on the disk.
  void sync();
  // sync(), and nothing may follow.
  void close();

 private:
  void flush();

  std::filesystem::path path_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace superpose::util
