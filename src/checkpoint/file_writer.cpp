#include "checkpoint/file_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

namespace superpose::checkpoint {
namespace {

// Hashed and handed to the kernel in chunks that are still in the cache the second time.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

}  // namespace

FileWriter::FileWriter(std::filesystem::path path)
    : path_(std::move(path)), file_(path_, O_WRONLY | O_CREAT | O_EXCL, "cannot create") {}

void FileWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto chunk = bytes.first(std::min(bytes.size(), kChunkBytes));
    file_.write(chunk, path_);
    hasher_.update(chunk);
    size_ += chunk.size();
    bytes = bytes.subspan(chunk.size());
  }
}

void FileWriter::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

FileDigest FileWriter::finish() {
  file_.close_checked(path_);
  return {.size = size_, .xxh3 = hasher_.digest64()};
}

FileDigest write_text(const std::filesystem::path& path, std::string_view text) {
  FileWriter file(path);
  file.write(text);
  return file.finish();
}

}  // namespace superpose::checkpoint
