// Reference data that is stored compressed.
#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace superpose::test {

// A file packed by Zstandard, unpacked by the `zstd` program.
inline std::string unpacked(const std::filesystem::path& path) {
  const std::string command = "zstd -dcq '" + path.string() + "'";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"),
                                                             &::pclose);
  if (pipe == nullptr) throw std::runtime_error("cannot run zstd");
  std::string text;
  std::array<char, 65536> block;
  for (std::size_t size; (size = std::fread(block.data(), 1, block.size(), pipe.get())) > 0;) {
    text.append(block.data(), size);
  }
  return text;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace superpose::test
