#include "data/sources.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <system_error>

#include "data/distributions.h"
#include "data/glob.h"
#include "util/error.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

class Filter {
 public:
  explicit Filter(const DataConfig& config) : config_(config) {}

  bool takes(const std::string& name) const {
    const auto matches = [&](const std::string& pattern) { return filter_matches(pattern, name); };
    const auto& include = config_.include;
    const auto& exclude = config_.exclude;
    return (include.empty() || std::any_of(include.begin(), include.end(), matches)) &&
           std::none_of(exclude.begin(), exclude.end(), matches);
  }

 private:
  const DataConfig& config_;
};

SourceFile make_source(const fs::path& path, std::string name) {
  FileState state = state_of(path);
  return {.path = std::move(state.path),
          .name = std::move(name),
          .bytes = state.bytes,
          .modified_ns = state.modified_ns};
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// Collects the files below a folder. Links to folders are followed after all that lies there
// itself, and no folder is walked twice: a loop ends, and no file has two names.
class Walk {
 public:
  std::vector<fs::path> run(const fs::path& folder) {
    visit(folder);
    for (std::size_t next = 0; next < links_.size(); ++next) visit(fs::path(links_[next]));
    return std::move(files_);
  }

 private:
  void visit(const fs::path& folder) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (!error && !visited_.insert(real).second) return;
    for (const fs::path& path : entries_of(folder)) {
      const fs::file_status status = fs::status(path, error);
      if (fs::is_directory(status)) {
        if (fs::is_symlink(fs::symlink_status(path, error))) {
          links_.push_back(path);
        } else {
          visit(path);
        }
      } else if (fs::is_regular_file(status) || !fs::exists(status)) {
        files_.push_back(path);  // a link that leads nowhere is named where it is not filtered out
      }
    }
  }

  // Sorted: which of two links to a folder is followed does not hang on the file system.
  static std::vector<fs::path> entries_of(const fs::path& folder) {
    std::vector<fs::path> entries;
    std::error_code error;
    fs::directory_iterator it(folder, error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
      if (!is_hidden(it->path())) entries.push_back(it->path());
    }
    util::require(!error, "data: cannot read folder ", folder.string(), ": ", error.message());
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  std::vector<fs::path> files_;
  std::vector<fs::path> links_;
  std::set<fs::path> visited_;
};

// Every file below a folder that is not hidden, with its path below the folder.
std::vector<std::pair<fs::path, std::string>> walk(const fs::path& folder) {
  std::vector<std::pair<fs::path, std::string>> found;
  for (const fs::path& path : Walk().run(folder)) {
    found.emplace_back(path, path.lexically_relative(folder).generic_string());
  }
  return found;
}

std::vector<SourceFile> list_folder(const fs::path& folder, const Filter& filter) {
  std::vector<SourceFile> files;
  for (auto& [path, name] : walk(folder)) {
    if (filter.takes(name)) files.push_back(make_source(path, name));
  }
  return files;
}

// The folders before the first part of a pattern that holds a wildcard.
fs::path spelled_out_folder(const fs::path& pattern) {
  fs::path folder;
  for (const fs::path& part : pattern) {
    if (is_glob(part.string())) break;
    folder /= part;
  }
  return folder.empty() ? fs::path(".") : folder;
}

std::vector<SourceFile> list_glob(const std::string& pattern, const Filter& filter) {
  const fs::path folder = spelled_out_folder(pattern);
  std::error_code error;
  util::require(fs::is_directory(folder, error), "data: source does not exist: ", pattern);
  const std::string below = fs::path(pattern).lexically_relative(folder).generic_string();
  std::vector<SourceFile> files;
  for (auto& [path, name] : walk(folder)) {
    if (glob_matches(below, name) && filter.takes(name)) files.push_back(make_source(path, name));
  }
  return files;
}

std::vector<SourceFile> list_path(const std::string& entry, const Filter& filter) {
  const fs::path path(entry);
  std::error_code error;
  if (fs::is_directory(path, error)) return list_folder(path, filter);
  if (!fs::exists(path, error) && is_glob(entry)) return list_glob(entry, filter);
  SourceFile file = make_source(path, path.filename().string());
  file.is_named = true;
  return {std::move(file)};
}

std::vector<SourceFile> list_distribution(const DataConfig& config, const std::string& name,
                                          const Filter& filter) {
  std::vector<SourceFile> files;
  for (const std::string& file : distribution_files(config.site_packages, name)) {
    if (filter.takes(file))
      files.push_back(make_source(config.site_packages / fs::path(file), file));
  }
  return files;
}

// Collects files, each path once.
class Collection {
 public:
  void add(std::vector<SourceFile> files, const std::string& entry, bool held_out) {
    util::require(!files.empty(), "data: source yields no file: ", entry);
    std::sort(files.begin(), files.end(),
              [](const auto& x, const auto& y) { return x.name < y.name; });
    for (SourceFile& file : files) {
      const bool is_named = file.is_named;
      const auto [known, is_new] = index_.emplace(file.path, files_.size());
      if (is_new) files_.push_back(std::move(file));
      SourceFile& listed = files_[known->second];
      listed.held_out |= held_out;
      listed.is_named |= is_named;
    }
  }
  std::vector<SourceFile> take() { return std::move(files_); }

 private:
  std::vector<SourceFile> files_;
  std::map<fs::path, std::size_t> index_;
};

void check_state(const FileState& before) {
  const FileState now = state_of(before.path);
  util::require(now.bytes == before.bytes && now.modified_ns == before.modified_ns,
                "data: source changed while it was read: ", before.path.string());
}

}  // namespace

FileState state_of(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  util::require(fs::exists(status), "data: source does not exist: ", path.string());
  util::require(fs::is_regular_file(status), "data: source is no regular file: ", path.string());
  FileState state;
  state.path = fs::absolute(path).lexically_normal();
  state.bytes = static_cast<std::int64_t>(fs::file_size(path, error));
  util::require(!error, "data: cannot read size of ", path.string(), ": ", error.message());
  const auto modified = fs::last_write_time(path, error);
  util::require(!error, "data: cannot read time of ", path.string(), ": ", error.message());
  state.modified_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(modified.time_since_epoch()).count();
  return state;
}

void check_unchanged(const SourceFile& source) {
  check_state({source.path, source.bytes, source.modified_ns});
  for (const FileState& file : source.beside) check_state(file);
}

std::vector<SourceFile> list_sources(const DataConfig& config) {
  util::require(!config.sources.empty() || !config.python_distributions.empty(),
                "data: no text to train on, set data.sources or data.python_distributions");
  const Filter filter(config);
  Collection collection;
  for (const std::string& entry : config.sources) {
    collection.add(list_path(entry, filter), entry, false);
  }
  for (const std::string& name : config.python_distributions) {
    collection.add(list_distribution(config, name, filter), name, false);
  }
  for (const std::string& entry : config.validation) {
    collection.add(list_path(entry, filter), entry, true);
  }
  return collection.take();
}

}  // namespace superpose::data
