#pragma once

#include <filesystem>
#include <string_view>

#include "util/files.h"

namespace superpose::test {

// A fresh empty folder, removed with all that is in it at the end of the scope.
class TempDir : public util::TemporaryFolder {
 public:
  TempDir() : TemporaryFolder("superpose-test") {}
  std::filesystem::path operator/(std::string_view name) const { return path() / name; }
};

}  // namespace superpose::test
