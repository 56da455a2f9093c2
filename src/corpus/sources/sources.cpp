#include "corpus/sources/sources.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "corpus/sources/distributions.h"
#include "corpus/sources/glob.h"
#include "util/error.h"
#include "util/hash.h"

namespace superpose::corpus {
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

  // Sorted: which of two links to a folder is followed does not depend on the file system.
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

std::vector<SourceFile> list_glob(const std::string& pattern, const Filter& filter,
                                  const std::string& who) {
  const fs::path folder = spelled_out_folder(pattern);
  std::error_code error;
  util::require(fs::is_directory(folder, error), who, "no such file or folder: ", pattern);
  const std::string below = fs::path(pattern).lexically_relative(folder).generic_string();
  std::vector<SourceFile> files;
  for (auto& [path, name] : walk(folder)) {
    if (glob_matches(below, name) && filter.takes(name)) files.push_back(make_source(path, name));
  }
  return files;
}

// `who` begins the message about an entry that is not there.
std::vector<SourceFile> list_path(const std::string& entry, const Filter& filter,
                                  const std::string& who) {
  const fs::path path(entry);
  std::error_code error;
  if (fs::is_directory(path, error)) return list_folder(path, filter);
  if (!fs::exists(path, error) && is_glob(entry)) return list_glob(entry, filter, who);
  util::require(fs::exists(path, error), who, "no such file or folder: ", entry);
  SourceFile file = make_source(path, path.filename().string());
  file.is_named = true;
  return {std::move(file)};
}

// What of an entry a folder holds: the path itself, or for a glob the folder before its wildcards
// where any file matches; empty where it holds nothing.
fs::path held_by(const fs::path& folder, const std::string& entry) {
  const fs::path path = folder / entry;
  std::error_code error;
  if (fs::exists(path, error)) return path;
  if (!is_glob(entry)) return {};
  const fs::path spelled_out = spelled_out_folder(path);
  if (!fs::is_directory(spelled_out, error)) return {};
  const std::string below = path.lexically_relative(spelled_out).generic_string();
  for (const auto& [file, name] : walk(spelled_out)) {
    if (glob_matches(below, name)) return spelled_out;
  }
  return {};
}

std::string locate_entry(const std::string& entry, const fs::path& recipe_folder,
                         Fallback fallback) {
  if (fs::path(entry).is_absolute()) return entry;
  const fs::path here = held_by("", entry);
  const fs::path there = held_by(recipe_folder, entry);
  const std::string by_recipe = (recipe_folder / entry).lexically_normal().string();
  if (here.empty() && there.empty()) {
    return fallback == Fallback::kCurrentFolder ? entry : by_recipe;
  }
  if (here.empty()) return by_recipe;
  std::error_code error;
  if (there.empty() || fs::equivalent(here, there, error)) return entry;
  const bool are_files = fs::is_regular_file(here, error) && fs::is_regular_file(there, error);
  if (are_files && util::hash_file(here) == util::hash_file(there)) return entry;
  util::fail("data: \"", entry, "\" is both in the current folder (", fs::absolute(here).string(),
             ") and in the recipe's (", fs::absolute(there).string(),
             "), and not the same: write the one that is meant as an absolute path");
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
  void add(std::vector<SourceFile> files, const std::string& who, const std::string& entry,
           bool held_out) {
    util::require(!files.empty(), who, is_glob(entry) ? "no file matches " : "no file in ", entry);
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
  util::require(fs::exists(status), "data: no such file: ", path.string());
  util::require(fs::is_regular_file(status), "data: source is not a regular file: ", path.string());
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

bool is_as_recorded(const FileRecord& file) {
  const FileState now = state_of(file.path);
  if (now.bytes != file.bytes) return false;
  return now.modified_ns == file.modified_ns || util::hash_file(file.path) == file.hash;
}

void check_unchanged(const SourceFile& source) {
  check_state({source.path, source.bytes, source.modified_ns});
  for (const FileState& file : source.beside) check_state(file);
}

SourceListing look_for_sources(const DataConfig& config) {
  util::require(!config.sources.empty() || !config.python_distributions.empty(),
                "data: no text to train on, set data.sources or data.python_distributions");
  const Filter filter(config);
  SourceListing listing;
  Collection collection;
  const auto add = [&](const std::string& who, const std::string& entry, bool held_out,
                       const auto& list) {
    try {
      collection.add(list(entry), who, entry, held_out);
    } catch (const util::Error& error) {
      listing.problems.emplace_back(error.what());
    }
  };
  const auto add_paths = [&](const std::string& key, const std::vector<std::string>& entries,
                             bool held_out) {
    const std::string who = key.empty() ? "" : key + ": ";
    for (const std::string& path : entries) {
      add(who, path, held_out,
          [&](const std::string& entry) { return list_path(entry, filter, who); });
    }
  };
  add_paths(config.sources_key, config.sources, false);
  for (const std::string& name : config.python_distributions) {
    add("data.python_distributions: ", name, false,
        [&](const std::string& entry) { return list_distribution(config, entry, filter); });
  }
  add_paths("data.validation", config.validation, true);
  listing.files = collection.take();
  return listing;
}

std::vector<SourceFile> list_sources(const DataConfig& config) {
  SourceListing listing = look_for_sources(config);
  if (!listing.problems.empty()) util::fail(listing.problems.front());
  return std::move(listing.files);
}

DataConfig locate(DataConfig config, Fallback fallback) {
  const fs::path recipe_folder = std::exchange(config.recipe_folder, {});
  if (recipe_folder.empty()) return config;
  const auto relocate = [&](std::string& entry) {
    entry = locate_entry(entry, recipe_folder, fallback);
  };
  for (std::string& entry : config.sources) relocate(entry);
  for (std::string& entry : config.validation) relocate(entry);
  if (config.tokenizer != "bytes") relocate(config.tokenizer);
  return config;
}

}  // namespace superpose::corpus
