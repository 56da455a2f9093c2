// Files of plain numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "util/error.h"

namespace superpose::corpus {

// Numbers [first, first + count) of a file that holds nothing but numbers, as memory has them.
// Throws util::Error naming a file that is shorter.
template <class Number>
std::vector<Number> read_numbers(const std::filesystem::path& path, std::int64_t first,
                                 std::int64_t count) {
  std::vector<Number> numbers(static_cast<std::size_t>(count));
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(first * static_cast<std::int64_t>(sizeof(Number))));
  file.read(reinterpret_cast<char*>(numbers.data()),
            static_cast<std::streamsize>(numbers.size() * sizeof(Number)));
  util::require(count == 0 || file.good(), path.string(), ": must hold ", first + count,
                " numbers of ", sizeof(Number), " bytes, got fewer");
  return numbers;
}

}  // namespace superpose::corpus
