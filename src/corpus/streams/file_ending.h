// Endings of file names.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>

namespace superpose::corpus {

// The last ending of a file's name with its dot, in lower case; "" where there is none.
inline std::string file_ending(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return ending;
}

// Whether a file is one of token ids by its name: .bin, .npy.
inline bool has_token_ending(const std::filesystem::path& path) {
  const std::string ending = file_ending(path);
  return ending == ".bin" || ending == ".npy";
}

}  // namespace superpose::corpus
