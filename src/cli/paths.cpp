#include "cli/paths.h"

#include <cctype>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/environment.h"
#include "corpus/sources/sources.h"
#include "train/evaluation_tasks.h"
#include "util/error.h"

namespace superpose::cli {
namespace {

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// The name of the variable at a "$", and how many characters it takes; "" where there is none.
std::pair<std::string_view, std::size_t> variable_at(std::string_view text) {
  const bool in_braces = text.size() > 1 && text[1] == '{';
  const std::size_t begin = in_braces ? 2 : 1;
  std::size_t end = begin;
  while (end < text.size() && is_name_character(text[end])) ++end;
  const std::string_view name = text.substr(begin, end - begin);
  const bool is_closed = !in_braces || (end < text.size() && text[end] == '}');
  if (name.empty() || !is_closed || std::isdigit(static_cast<unsigned char>(name[0])) != 0) {
    return {};
  }
  return {name, end + (in_braces ? 1 : 0)};
}

void expand_key(const char* key, std::string& path) {
  try {
    path = expand_path(path);
  } catch (const util::Error& error) {
    util::fail(key, ": ", error.what());
  }
}

void expand_list(const char* key, std::vector<std::string>& paths) {
  for (std::string& path : paths) expand_key(key, path);
}

// The values of an arm's overrides are TOML.
void expand_override(std::string& toml) {
  if (toml.size() < 2 || (toml.front() != '"' && toml.front() != '\'')) return;
  std::string path = toml.substr(1, toml.size() - 2);
  expand_key("data.cache_dir", path);
  toml = toml.front() + path + toml.back();
}

}  // namespace

std::string expand_path(const std::string& path, const std::string& home) {
  const auto require_home = [&] {
    util::require(!home.empty(), "\"", path,
                  "\" needs the variable HOME, which is not an absolute path");
  };
  std::string_view rest = path;
  std::string expanded;
  if (rest.starts_with('~')) {
    util::require(
        rest.size() == 1 || rest[1] == '/', "\"", path,
        "\": only ~/ is replaced, write another user's folder out; for a file of that name "
        "write ./",
        path);
    require_home();
    expanded = home;
    rest.remove_prefix(1);
  }
  while (!rest.empty()) {
    const std::size_t dollar = rest.find('$');
    expanded += rest.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    rest.remove_prefix(dollar);
    const auto [name, length] = variable_at(rest);
    if (name.empty()) {
      expanded += '$';
      rest.remove_prefix(1);
      continue;
    }
    util::require(name == "HOME", "\"", path, "\": only ~, $HOME and ${HOME} are replaced, got $",
                  name);
    require_home();
    expanded += home;
    rest.remove_prefix(length);
  }
  return expanded;
}

std::string expand_path(const std::string& path) {
  return expand_path(path, home_folder().string());
}

void expand_paths(experiment::Recipe& recipe) {
  train::RunConfig& base = recipe.base;
  expand_key("run.dir", base.run.dir);
  expand_list("data.sources", base.data.sources);
  expand_list("data.validation", base.data.validation);
  expand_key("data.site_packages", base.data.site_packages);
  expand_key("data.tokenizer", base.data.tokenizer);
  expand_key("data.cache_dir", base.data.cache_dir);
  for (data::MixtureConfig& entry : base.mixture) expand_list("mixture.sources", entry.sources);
  for (eval::ValidationSetConfig& set : base.validation) {
    expand_list("validation.sources", set.sources);
  }
  for (eval::TaskChoice& task : base.evaluation.tasks) {
    expand_key("evaluation.tasks.name", task.name);
    expand_key("evaluation.tasks.data", task.data);
  }
  for (experiment::ArmConfig& arm : recipe.compare.arms) {
    const auto found = arm.overrides.find("data.cache_dir");
    if (found != arm.overrides.end()) expand_override(found->second);
  }
}

void require_distinct(const char* option, const std::string& path, const char* other_option,
                      const std::string& other) {
  const auto resolved = [](const std::string& name) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(std::filesystem::absolute(name), ignored);
  };
  util::require(resolved(path) != resolved(other), option, ": must name another file than ",
                other_option, ", got ", path);
}

experiment::Recipe locate_sources(experiment::Recipe recipe) {
  const auto relocate = [&](std::vector<std::string>& sources) {
    corpus::DataConfig reading;
    reading.recipe_folder = recipe.base.data.recipe_folder;
    reading.sources = sources;
    sources = corpus::locate(reading).sources;
  };
  for (data::MixtureConfig& entry : recipe.base.mixture) relocate(entry.sources);
  for (eval::ValidationSetConfig& set : recipe.base.validation) relocate(set.sources);
  recipe.base.evaluation.tasks =
      train::locate_tasks(recipe.base.evaluation.tasks, recipe.base.data.recipe_folder);
  recipe.base.data = corpus::locate(recipe.base.data);
  return recipe;
}

}  // namespace superpose::cli
