// Files of the checkpoint tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace superpose::checkpoint {

// Without a flush to the disk, which would take most of the time of a test that writes hundreds.
inline void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace superpose::checkpoint
