#include "tasks/task_config.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <initializer_list>

#include "config/config.h"
#include "tasks/template.h"
#include "util/error.h"
#include "util/files.h"
#include "util/text.h"

namespace superpose::tasks {
namespace {

constexpr std::int64_t kMostExamples = 1000;

// Parses a template for its errors, which get the key in front.
void check_template(std::string_view key, const std::string& text) {
  try {
    (void)Template(text);
  } catch (const util::Error& error) {
    util::fail(key, ": ", error.what());
  }
}

void require_given(bool given, std::string_view key, TaskKind kind) {
  util::require(given, key, ": must be given for a task of kind ",
                kTaskKindNames[static_cast<std::size_t>(kind)]);
}

void require_none(bool none, std::string_view key, TaskKind kind) {
  util::require(none, key, ": must be left out for a task of kind ",
                kTaskKindNames[static_cast<std::size_t>(kind)]);
}

void check_parts(const TaskConfig& task) {
  const bool is_choices = task.kind == TaskKind::kChoices;
  const bool is_cloze = task.kind == TaskKind::kCloze;
  const bool has_contexts = !task.contexts.empty();
  const bool has_choices = !task.choices.empty() || !task.choices_field.empty();
  if (task.kind == TaskKind::kContexts) {
    require_given(has_contexts, "contexts", task.kind);
    require_none(task.prompt.empty(), "prompt", task.kind);
  } else {
    require_given(!task.prompt.empty(), "prompt", task.kind);
    require_none(!has_contexts, "contexts", task.kind);
  }
  if (is_choices) {
    util::require(has_choices, "choices: must name one or more, or choices_field a field of them");
    util::require(task.choices.empty() || task.choices_field.empty(),
                  "choices_field: must be left out where choices are given");
    require_none(task.continuation.empty(), "continuation", task.kind);
  } else {
    require_none(!has_choices, "choices", task.kind);
    require_given(!task.continuation.empty(), "continuation", task.kind);
  }
  if (is_cloze) {
    const bool has_answer =
        !task.answer.empty() || !task.labels.empty() || !task.labels_field.empty();
    require_none(!has_answer, "answer", task.kind);
  } else {
    require_given(!task.answer.empty(), "answer", task.kind);
  }
}

// What lies elsewhere is reached by another data folder.
void check_files(const char* key, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    const std::filesystem::path path(pattern);
    const bool leaves = std::find(path.begin(), path.end(), "..") != path.end();
    util::require(!path.is_absolute() && !leaves, key,
                  ": must lie below the data folder, without / in front and .., got ", pattern);
  }
}

void check_labels(const TaskConfig& task) {
  util::require(task.labels.empty() || task.labels_field.empty(),
                "labels_field: must be left out where labels are given");
  std::vector<std::string> sorted = task.labels;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  util::require(twice == sorted.end(), "labels: must differ, got ",
                twice == sorted.end() ? "" : *twice, " twice");
  const std::size_t choices =
      task.kind == TaskKind::kContexts ? task.contexts.size() : task.choices.size();
  util::require(task.labels.empty() || choices == 0 || task.labels.size() == choices,
                "labels: must be one for each of the ", choices, " choices, got ",
                task.labels.size());
}

void check_metric(const TaskConfig& task) {
  const bool fits = task.kind == TaskKind::kCloze
                        ? task.metric == Metric::kAcc || task.metric == Metric::kPerplexity
                    : task.kind == TaskKind::kContexts ? task.metric == Metric::kAcc
                                                       : task.metric != Metric::kPerplexity;
  util::require(fits, "metric: a task of kind ",
                kTaskKindNames[static_cast<std::size_t>(task.kind)], " has no ",
                kMetricNames[static_cast<std::size_t>(task.metric)]);
}

// Cuts "@N" off; nothing where the last "@" has no number behind it.
std::optional<std::int64_t> take_examples(std::string& spec) {
  const std::size_t at = spec.rfind('@');
  if (at == spec.npos) return std::nullopt;
  std::int64_t count = 0;
  const char* const end = spec.data() + spec.size();
  const auto read = std::from_chars(spec.data() + at + 1, end, count);
  if (read.ec != std::errc{} || read.ptr != end || count < 0) return std::nullopt;
  spec.resize(at);
  return count;
}

bool is_path(const std::string& name) {
  return name.find('/') != name.npos || name.ends_with(".toml");
}

}  // namespace

void CleanRule::validate() const {
  const std::string_view name = kNames[static_cast<std::size_t>(rule)];
  const auto check = [&](const char* key, const std::string& value, bool is_wanted) {
    util::require(is_wanted || value.empty(), key, ": must be left out for the rule ", name);
    util::require(!is_wanted || !value.empty(), key, ": must be given for the rule ", name);
  };
  check("find", find, rule != What::kStrip);
  if (rule != What::kReplace) check("with", with, false);  // nothing stands for "take it away"
  check("until", until, rule == What::kCut);
}

void FewShotConfig::validate() const {
  util::require(examples >= 0 && examples <= kMostExamples, "examples: must be 0 to ",
                kMostExamples, ", got ", examples);
  util::require(examples == 0 || !files.empty(), "files: must name where the examples come from");
  check_files("files", files);
  util::require(seed >= 0, "seed: must be >= 0, got ", seed);
}

void TaskConfig::validate() const {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  util::require(!name.empty() && std::all_of(name.begin(), name.end(), is_allowed),
                "name: must be of the letters a-z, digits, _ and -, got \"", name, "\"");
  util::require(!files.empty(), "files: must name one or more");
  check_parts(*this);
  check_metric(*this);
  check_files("files", files);
  check_labels(*this);
  util::require(groups.empty() || !group_by.empty(), "group_by: must be given where groups are");
  for (const auto& [key, text] : std::initializer_list<std::pair<const char*, const std::string&>>{
           {"description", description},
           {"prompt", prompt},
           {"continuation", continuation},
           {"answer", answer}}) {
    check_template(key, text);
  }
  for (const std::string& text : choices) check_template("choices", text);
  for (const std::string& text : contexts) check_template("contexts", text);
}

TaskConfig parse_task(const std::string& file_name, const std::string& toml_text) {
  TaskConfig task;
  try {
    config::read(task, file_name, toml_text);
  } catch (const util::Error& error) {
    // What is left out has no line.
    const std::string text = error.what();
    util::fail(text.starts_with(file_name + ":") ? text : file_name + ": " + text);
  }
  return task;
}

TaskConfig find_task(const std::string& spec, const std::string& key) {
  std::string name = spec;
  const std::optional<std::int64_t> examples = take_examples(name);
  const auto set_examples = [&](TaskConfig task) {
    if (!examples) return task;
    task.few_shot.examples = *examples;
    try {
      task.few_shot.validate();
    } catch (const util::Error& error) {
      util::fail(spec, ": few_shot.", error.what());
    }
    return task;
  };
  if (is_path(name)) {
    return set_examples(parse_task(name, util::read_file(name)));
  }
  std::vector<std::string> names;
  for (const NamedTask& task : named_tasks()) {
    if (task.name == name) {
      return set_examples(parse_task(std::string(task.name) + ".toml", std::string(task.toml)));
    }
    names.emplace_back(task.name);
  }
  util::fail(key, ": there is no task \"", name, "\": must be one of ", util::join(names, ", "),
             ", or the path of a TOML file");
}

std::string path_of_task(const std::string& spec) {
  std::string name = spec;
  take_examples(name);
  return is_path(name) ? name : "";
}

}  // namespace superpose::tasks
