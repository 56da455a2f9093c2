// Reference data that lies next to the source tree, not in it. A test that needs it begins with
//
//   if (!has_shared("golden/optimizer")) GTEST_SKIP() << missing_shared("golden/optimizer");
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace superpose::test {

inline std::filesystem::path shared_path(std::string_view name) {
  return std::filesystem::path(SUPERPOSE_SHARED_DIR) / name;
}

inline bool has_shared(std::string_view name) { return std::filesystem::exists(shared_path(name)); }

inline std::string missing_shared(std::string_view name) {
  return "skipped: reference data not found: " + shared_path(name).string();
}

}  // namespace superpose::test
