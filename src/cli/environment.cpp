#include "cli/environment.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

#include "util/error.h"

namespace superpose::cli {

namespace fs = std::filesystem;

fs::path default_cache_dir() {
  if (const char* cache = ::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return fs::path(cache) / "superpose";
  }
  if (const char* home = ::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / ".cache" / "superpose";
  }
  return ".superpose-cache";
}

fs::path default_site_packages() { return SUPERPOSE_SITE_PACKAGES; }

fs::path program_file() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored);
}

fs::path plotly_script() {
  const fs::path beside =
      program_file().parent_path().parent_path() / "share" / "superpose" / "plotly.min.js";
  if (fs::exists(beside)) return beside;
  const fs::path packaged = default_site_packages() / "plotly" / "package_data" / "plotly.min.js";
  util::require(fs::exists(packaged), "report: needs plotly.min.js, found neither ",
                beside.string(), " nor ", packaged.string(), "; install requirements.txt");
  return packaged;
}

void fill_folders(train::RunConfig& config) {
  if (config.data.cache_dir.empty()) config.data.cache_dir = default_cache_dir().string();
  if (config.data.site_packages.empty()) {
    config.data.site_packages = default_site_packages().string();
  }
}

int terminal_columns() {
  constexpr int kUnknown = 80;  // a terminal that does not say
  if (::isatty(STDOUT_FILENO) != 1) return 0;
  winsize size{};
  const bool told = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return told ? size.ws_col : kUnknown;
}

void prepare_process(char** argv) {
  struct Variable {
    const char* name;
    const char* value;
  };
  constexpr std::array<Variable, 2> kVariables{
      {{"GLIBC_TUNABLES",
        "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=4294967296"},
       {"GOMP_SPINCOUNT", "1000"}}};
  bool missing = false;
  for (const Variable& variable : kVariables) {
    if (::getenv(variable.name) != nullptr) continue;
    missing = true;
    ::setenv(variable.name, variable.value, /*overwrite=*/0);
  }
  if (!missing) return;
  // Where this fails the program goes on as it is: slower at worst.
  ::execv(program_file().c_str(), argv);
}

}  // namespace superpose::cli
