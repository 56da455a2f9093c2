// From a task and its rows to the questions that a model is asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tasks/task_config.h"
#include "tasks/template.h"

namespace superpose::tasks {

// A context and what is scored behind it, as texts.
struct TextPair {
  std::string context;
  std::string continuation;

  bool operator==(const TextPair&) const = default;
};

// One question: a pair per choice; of a cloze task a single one.
struct Item {
  std::int64_t index = 0;  // of its row in the data set, from 0
  std::string group = {};  // value of group_by; empty without
  std::vector<TextPair> pairs = {};
  // As the pairs have them, without the delimiter; empty for cloze.
  std::vector<std::string> choices = {};
  std::size_t answer = 0;
};

// The items of a task's rows in their order, of the first `samples` rows (0 = all). `example_rows`
// are those of few_shot.files. Throws util::Error that begins with the row's place: a field that is
// missing or of another type, no choices, an answer that is none of them; and for fewer example
// rows than wanted.
std::vector<Item> make_items(const TaskConfig& task, const std::vector<Row>& rows,
                             const std::vector<Row>& example_rows, std::int64_t samples = 0);

// The same from the task's files below `folder`. Throws util::Error that names the patterns and
// where people get the data where no file is found.
std::vector<Item> load_items(const TaskConfig& task, const std::filesystem::path& folder,
                             std::int64_t samples = 0);

// A task with all that it asks.
struct LoadedTask {
  TaskConfig config;  // with examples its name ends in "@N"
  std::vector<Item> items;
};

// What `spec` names (find_task) from its files below `folder`; empty: the folder of the task's own
// file. Throws util::Error as find_task and load_items do.
LoadedTask load_task(const std::string& spec, const std::filesystem::path& folder,
                     std::int64_t samples = 0);

// 16 hexadecimal digits of what is asked and which answers are right: equal for equal questions.
std::string fingerprint_of(std::span<const Item* const> items);

// The share of the items that a blind guess answers; nothing where one has no choices.
std::optional<double> chance_of(std::span<const Item* const> items);

// Items of a task that are scored by themselves too.
struct ItemGroup {
  std::string name;                // "mmlu/stem"
  std::vector<std::size_t> items;  // ascending
};

// The task's named groups, else a group for each value of group_by; those that have items.
std::vector<ItemGroup> groups_of(const TaskConfig& task, std::span<const Item> items);

}  // namespace superpose::tasks
