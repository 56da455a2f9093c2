// Tests of permissions, also when they run as root.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace superpose::test {

// While it lives, this process may not read what permissions forbid: root, who may read everything,
// steps down to a user without rights.
class WithoutPrivileges {
 public:
  // `folder` is opened to that user, who would not get into a folder of root's.
  explicit WithoutPrivileges(const std::filesystem::path& folder) : user_(::geteuid()) {
    std::filesystem::permissions(folder, std::filesystem::perms::all);
    steps_down_ = user_ != 0 || ::seteuid(kNobody) == 0;
  }
  ~WithoutPrivileges() {
    if (::seteuid(user_) != 0) std::abort();
  }
  WithoutPrivileges(const WithoutPrivileges&) = delete;
  WithoutPrivileges& operator=(const WithoutPrivileges&) = delete;

  // Not where root may not become another user, as in some containers.
  bool steps_down() const { return steps_down_; }

 private:
  static constexpr uid_t kNobody = 65534;

  uid_t user_;
  bool steps_down_ = false;
};

inline constexpr const char* kMayNotStepDown = "skipped: root may not become another user here";

}  // namespace superpose::test
