#include "tasks/task_items.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "tasks/python_random.h"
#include "tasks/python_text.h"
#include "tasks/rows.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/text.h"

namespace superpose::tasks {
namespace {

// From each `find` to the next `until` on the same line, as re.sub(r"\[.*?\]", "", text) has it.
std::string cut_ranges(const std::string& text, const CleanRule& rule) {
  std::string result;
  std::size_t begin = 0;
  for (std::size_t i = text.find(rule.find); i != text.npos; i = text.find(rule.find, i)) {
    const std::size_t inside = i + rule.find.size();
    const std::size_t end = text.find(rule.until, inside);
    const std::size_t line_end = text.find('\n', inside);
    if (end == text.npos || line_end < end) {
      ++i;
      continue;
    }
    result += text.substr(begin, i - begin);
    begin = i = end + rule.until.size();
  }
  result += text.substr(begin);
  return result;
}

std::string cleaned(std::string text, const std::vector<CleanRule>& rules) {
  for (const CleanRule& rule : rules) {
    switch (rule.rule) {
      case CleanRule::What::kStrip:
        text = std::string(strip(text));
        break;
      case CleanRule::What::kReplace:
        text = replace_all(text, rule.find, rule.with);
        break;
      case CleanRule::What::kCut:
        text = cut_ranges(text, rule);
        break;
    }
  }
  return text;
}

// A task with its templates parsed.
class ItemMaker {
 public:
  explicit ItemMaker(const TaskConfig& task)
      : task_(task),
        description_(task.description),
        prompt_(task.prompt),
        continuation_(task.continuation),
        answer_(task.answer),
        choices_(task.choices.begin(), task.choices.end()),
        contexts_(task.contexts.begin(), task.contexts.end()) {}

  std::string group_of(const Row& row) const {
    return task_.group_by.empty() ? "" : field_text(row, task_.group_by);
  }

  // `examples` stand in front of the question.
  Item make(const Row& row, const std::string& examples) const {
    Item item;
    item.group = group_of(row);
    const std::string front = description_.render(row) + examples;
    if (task_.kind == TaskKind::kCloze) {
      item.pairs.push_back({front + prompt_of(row), continuation_.render(row)});
      return item;
    }
    item.choices = choices_of(row);
    item.answer = answer_of(row, item.choices.size());
    const bool is_choices = task_.kind == TaskKind::kChoices;
    const std::string rest =
        is_choices ? front + prompt_of(row) : task_.delimiter + continuation_.render(row);
    for (const std::string& choice : item.choices) {
      item.pairs.push_back(is_choices ? TextPair{rest, task_.delimiter + choice}
                                      : TextPair{front + choice, rest});
    }
    return item;
  }

  // A question with its right answer, as an example for others.
  std::string answered(const Row& row) const {
    if (task_.kind == TaskKind::kCloze) {
      return prompt_of(row) + task_.delimiter + continuation_.render(row);
    }
    const std::vector<std::string> choices = choices_of(row);
    const std::string& choice = choices[answer_of(row, choices.size())];
    return task_.kind == TaskKind::kChoices ? prompt_of(row) + task_.delimiter + choice
                                            : choice + task_.delimiter + continuation_.render(row);
  }

 private:
  std::string prompt_of(const Row& row) const { return cleaned(prompt_.render(row), task_.clean); }

  std::vector<std::string> choices_of(const Row& row) const {
    std::vector<std::string> choices;
    if (!task_.choices_field.empty()) {
      choices = field_texts(row, task_.choices_field);
      util::require(!choices.empty(), row.where, ": field \"", task_.choices_field,
                    "\" must hold one choice or more, got none");
    }
    for (const Template& choice : task_.kind == TaskKind::kContexts ? contexts_ : choices_) {
      choices.push_back(choice.render(row));
    }
    for (std::string& choice : choices) {
      choice = cleaned(std::move(choice), task_.clean);
      util::require(!choice.empty(), row.where, ": a choice must not be empty");
    }
    return choices;
  }

  std::size_t answer_of(const Row& row, std::size_t num_choices) const {
    const std::string text = answer_.render(row);
    const std::vector<std::string> labels =
        task_.labels_field.empty() ? task_.labels : field_texts(row, task_.labels_field);
    std::size_t answer = num_choices;
    if (labels.empty()) {
      const char* const end = text.data() + text.size();
      const auto read = std::from_chars(text.data(), end, answer);
      if (read.ec != std::errc{} || read.ptr != end) answer = num_choices;
    } else {
      answer =
          static_cast<std::size_t>(std::find(labels.begin(), labels.end(), text) - labels.begin());
    }
    util::require(std::count(labels.begin(), labels.end(), text) <= 1, row.where,
                  ": the label of the answer must be that of one choice, got \"", text,
                  "\" more than once");
    util::require(
        answer < num_choices && (labels.empty() || answer < labels.size()), row.where,
        ": the answer must be one of ",
        labels.empty() ? "0 to " + std::to_string(num_choices - 1) : util::join(labels, ", "),
        ", got \"", text, "\"");
    return answer;
  }

  const TaskConfig& task_;
  Template description_, prompt_, continuation_, answer_;
  std::vector<Template> choices_, contexts_;
};

// The examples of one group, and what is drawn of them.
class ExamplePool {
 public:
  explicit ExamplePool(const FewShotConfig& config)
      : config_(config), random_(static_cast<std::uint64_t>(config.seed)) {}

  void add(const Row& row) { rows_.push_back(&row); }

  // What stands in front of the question of `row`. Draws advance with every call.
  std::string examples_for(const Row& row, const ItemMaker& maker) {
    const auto wanted = static_cast<std::size_t>(config_.examples);
    if (wanted == 0) return "";
    const bool is_random = config_.sampler == FewShotConfig::Sampler::kRandom;
    const std::size_t drawn = wanted + (is_random && config_.draws_spare ? 1 : 0);
    util::require(rows_.size() >= drawn, row.where, ": needs ", drawn,
                  " examples of few_shot.files in front, got ", rows_.size());
    std::string text;
    std::size_t taken = 0;
    const auto take = [&](const Row& example) {
      const bool is_itself = config_.draws_spare && example.fields == row.fields;
      if (taken == wanted || is_itself) return;
      text += maker.answered(example) + config_.separator;
      ++taken;
    };
    if (is_random) {
      for (const std::size_t index : random_.sample(rows_.size(), drawn)) take(*rows_[index]);
    } else {
      for (std::size_t i = 0; i < drawn; ++i) take(*rows_[i]);
    }
    return text;
  }

 private:
  const FewShotConfig& config_;
  PythonRandom random_;
  std::vector<const Row*> rows_;
};

}  // namespace

std::vector<Item> make_items(const TaskConfig& task, const std::vector<Row>& rows,
                             const std::vector<Row>& example_rows, std::int64_t samples) {
  const ItemMaker maker(task);
  std::map<std::string, ExamplePool> pools;
  const auto pool_of = [&](const Row& row) -> ExamplePool& {
    return pools.try_emplace(maker.group_of(row), task.few_shot).first->second;
  };
  for (const Row& row : example_rows) pool_of(row).add(row);
  std::map<std::string, std::int64_t> made;
  std::vector<Item> items;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (samples > 0 && ++made[maker.group_of(row)] > samples) continue;
    items.push_back(maker.make(row, pool_of(row).examples_for(row, maker)));
    items.back().index = static_cast<std::int64_t>(i);
  }
  return items;
}

std::vector<Item> load_items(const TaskConfig& task, const std::filesystem::path& folder,
                             std::int64_t samples) {
  const auto rows_of = [&](const std::vector<std::string>& patterns) {
    const std::vector<std::filesystem::path> files = find_files(folder, patterns);
    util::require(!files.empty(), task.name, ": there is no ", util::join(patterns, " or "), " in ",
                  folder.string(),
                  task.source.empty() ? "" : "; people get it from " + task.source);
    std::vector<Row> rows;
    for (const auto& file : files) {
      read_rows(file, [&](const Row& row) { rows.push_back(row); });
    }
    return rows;
  };
  const std::vector<Row> rows = rows_of(task.files);
  util::require(!rows.empty(), task.name, ": there are no rows in its files in ", folder.string());
  const std::vector<Row> examples =
      task.few_shot.examples > 0 ? rows_of(task.few_shot.files) : std::vector<Row>();
  try {
    return make_items(task, rows, examples, samples);
  } catch (const util::Error& error) {
    util::fail(task.name, ": ", error.what());
  }
}

LoadedTask load_task(const std::string& spec, const std::filesystem::path& folder,
                     std::int64_t samples) {
  LoadedTask task{find_task(spec), {}};
  const std::filesystem::path own = std::filesystem::path(path_of_task(spec)).parent_path();
  const std::filesystem::path data = folder.empty() ? own : folder;
  task.items = load_items(task.config, data.empty() ? "." : data, samples);
  // With examples and without them are two rows of a table.
  if (task.config.few_shot.examples > 0) {
    task.config.name += "@" + std::to_string(task.config.few_shot.examples);
  }
  return task;
}

std::string fingerprint_of(std::span<const Item* const> items) {
  util::Hasher hasher;
  const auto add = [&](const std::string& text) {
    hasher.update(std::uint64_t{text.size()});
    hasher.update(text);
  };
  for (const Item* const item : items) {
    hasher.update(std::uint64_t{item->answer});
    hasher.update(std::uint64_t{item->pairs.size()});
    for (const TextPair& pair : item->pairs) {
      add(pair.context);
      add(pair.continuation);
    }
  }
  return util::hex64(hasher.digest64());
}

std::optional<double> chance_of(std::span<const Item* const> items) {
  double sum = 0;
  for (const Item* const item : items) {
    if (item->choices.empty()) return std::nullopt;
    sum += 1 / static_cast<double>(item->choices.size());
  }
  return sum / static_cast<double>(items.size());
}

std::vector<ItemGroup> groups_of(const TaskConfig& task, std::span<const Item> items) {
  if (task.group_by.empty()) return {};
  std::map<std::string, std::vector<std::size_t>> by_value;
  for (std::size_t i = 0; i < items.size(); ++i) by_value[items[i].group].push_back(i);
  std::vector<ItemGroup> groups;
  for (const TaskGroup& group : task.groups) {
    ItemGroup members{.name = task.name + "/" + group.name, .items = {}};
    for (const std::string& value : group.values) {
      const auto found = by_value.find(value);
      if (found == by_value.end()) continue;
      members.items.insert(members.items.end(), found->second.begin(), found->second.end());
    }
    std::sort(members.items.begin(), members.items.end());
    if (!members.items.empty()) groups.push_back(std::move(members));
  }
  if (!task.groups.empty()) return groups;
  for (auto& [value, members] : by_value) {
    groups.push_back({task.name + "/" + value, std::move(members)});
  }
  return groups;
}

}  // namespace superpose::tasks
