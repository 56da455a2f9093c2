#include "cli/environment.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <sstream>
#include <vector>

#include "ops/kernels.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::cli {

namespace fs = std::filesystem;

namespace {

// A folder named by a variable; empty where it is not an absolute path.
fs::path folder_variable(const char* name) {
  const char* value = ::getenv(name);
  const fs::path folder = value == nullptr ? "" : value;
  return folder.is_absolute() ? folder : fs::path();
}

}  // namespace

fs::path home_folder() { return folder_variable("HOME"); }

fs::path default_cache_dir() {
  if (const fs::path cache = folder_variable("XDG_CACHE_HOME"); !cache.empty()) {
    return cache / "superpose";
  }
  const fs::path home = home_folder();
  return home.empty() ? fs::path() : home / ".cache" / "superpose";
}

fs::path default_site_packages() {
  // site-packages/torch/lib/libtorch_cpu.so
  Dl_info library{};
  const bool found = ::dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &library) != 0;
  util::require(found, "libtorch: cannot find its loaded library (dladdr failed)");
  return fs::path(library.dli_fname).parent_path().parent_path().parent_path();
}

fs::path program_file() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored);
}

bool has_program(const std::string& name) {
  std::error_code ignored;
  if (name.find('/') != std::string::npos) return fs::exists(name, ignored);
  const char* path = ::getenv("PATH");
  if (path == nullptr) return true;  // the system looks where it does by default
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path file = fs::path(folder) / name;  // an empty one is the current folder
    if (fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0) return true;
  }
  return false;
}

void restore_library_path() {
  const char* before = ::getenv("SUPERPOSE_OUTER_LIBRARY_PATH");
  if (before == nullptr) return;
  if (*before == '\0') {
    ::unsetenv("LD_LIBRARY_PATH");
  } else {
    ::setenv("LD_LIBRARY_PATH", before, /*overwrite=*/1);
  }
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

std::string wanted_isa(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  const char* value = ::getenv("SUPERPOSE_ISA");
  if (value == nullptr || *value == '\0') return "auto";
  std::vector<std::string> names = ops::isa_levels();
  names.insert(names.begin(), "auto");
  util::require(std::find(names.begin(), names.end(), value) != names.end(),
                "SUPERPOSE_ISA: must be one of ", util::join(names, ", "), ", got ", value);
  return value;
}

void choose_isa(const std::string& wanted) { ops::set_isa_override(wanted_isa(wanted)); }

int terminal_columns() {
  constexpr int kUnknown = 80;  // a terminal that does not say
  if (::isatty(STDOUT_FILENO) != 1) return 0;
  winsize size{};
  const bool told = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return told ? size.ws_col : kUnknown;
}

void set_lost_output(LostOutput fate) {
  const auto handler = fate == LostOutput::kDropped ? SIG_IGN : SIG_DFL;
  ::signal(SIGPIPE, handler);
  ::signal(SIGXFSZ, handler);
}

int finish_output(int code) {
  std::cout.flush();
  util::require(std::cout.good(), "standard output: cannot be written");
  return code;
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
  // Where this fails the program continues as it is: slower at worst.
  ::execv(program_file().c_str(), argv);
}

}  // namespace superpose::cli
