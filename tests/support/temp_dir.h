// A temporary folder for a test.
#pragma once

#include <filesystem>
#include <string_view>

#include "util/files.h"

namespace superpose::test {

// A fresh empty folder, removed with all that is in it at the end of the scope.
class TempDir : public util::TemporaryFolder {
 public:
  // In the system's folder of temporary files, or in `parent`.
  explicit TempDir(const std::filesystem::path& parent = {})
      : TemporaryFolder((parent / "superpose-test").string()) {}
  std::filesystem::path operator/(std::string_view name) const { return path() / name; }
};

}  // namespace superpose::test
