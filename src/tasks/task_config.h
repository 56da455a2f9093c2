// A task as a TOML file describes it: how a row of a data set becomes questions to a model.
// docs/evaluation.md explains the keys to users.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::tasks {

enum class TaskKind {
  kChoices,   // one context, several continuations
  kContexts,  // several contexts, one continuation
  kCloze,     // one context, one continuation that the model should find by itself
};
inline constexpr std::array<std::string_view, 3> kTaskKindNames = {"choices", "contexts", "cloze"};

enum class Metric { kAcc, kAccNorm, kAccBytes, kPerplexity };
inline constexpr std::array<std::string_view, 4> kMetricNames = {"acc", "acc_norm", "acc_bytes",
                                                                 "perplexity"};

// One step of the clean-up of prompts and choices.
struct CleanRule {
  enum class What { kStrip, kReplace, kCut };
  static constexpr std::array<std::string_view, 3> kNames = {"strip", "replace", "cut"};

  What rule = What::kStrip;
  std::string find = {};
  std::string with = {};
  std::string until = {};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.choice("rule", self.rule, kNames,
             "strip: white space at both ends; replace: each find by with; cut: from each find to "
             "the next until on the same line");
    v.field("find", self.find, "of replace and cut");
    v.field("with", self.with, "of replace");
    v.field("until", self.until, "of cut");
  }
  void validate() const;
};

// Groups of items by the value of a field, with a score of their own.
struct TaskGroup {
  std::string name = {};
  std::vector<std::string> values = {};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("name", self.name, "what the group is called in results");
    v.field("values", self.values, "the values of group_by that belong to it");
  }
};

// Answered examples in front of the question.
struct FewShotConfig {
  enum class Sampler { kFirst, kRandom };
  static constexpr std::array<std::string_view, 2> kSamplerNames = {"first", "random"};

  std::int64_t examples = 0;
  std::vector<std::string> files = {};
  Sampler sampler = Sampler::kRandom;
  std::int64_t seed = 1234;
  bool draws_spare = false;
  std::string separator = "\n\n";

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("examples", self.examples, "how many, unless the command says so (NAME@N)");
    v.field("files", self.files, "where they come from, as files");
    v.choice("sampler", self.sampler, kSamplerNames,
             "first: the first of them, of the same group; random: drawn for each item, as "
             "lm-eval draws them");
    v.field("seed", self.seed, "of random");
    v.field("draws_spare", self.draws_spare,
            "of random: one more is drawn and dropped, as lm-eval does where a data set has no "
            "test split; never the item itself");
    v.field("separator", self.separator, "behind each example");
  }
  void validate() const;
};

struct TaskConfig {
  std::string name = {};
  TaskKind kind = TaskKind::kChoices;
  std::string source = {};
  std::vector<std::string> files = {};
  std::string description = {};
  std::string prompt = {};
  std::vector<std::string> choices = {};
  std::string choices_field = {};
  std::vector<std::string> contexts = {};
  std::string continuation = {};
  std::string delimiter = " ";
  std::string answer = {};
  std::vector<std::string> labels = {};
  std::string labels_field = {};
  std::vector<CleanRule> clean = {};
  std::string group_by = {};
  std::vector<TaskGroup> groups = {};
  FewShotConfig few_shot = {};
  Metric metric = Metric::kAcc;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("name", self.name, "what the task is called; [a-z0-9_-]");
    v.choice("kind", self.kind, kTaskKindNames,
             "choices: one context, several continuations; contexts: several contexts, one "
             "continuation; cloze: one of each");
    v.field("source", self.source, "where people get the data");
    v.field("files", self.files,
            "globs below the data folder; the first that finds anything counts. JSON lines (plain, "
            ".gz, .zst, .xz) or Parquet");
    v.field("description", self.description, "template in front of everything");
    v.field("prompt", self.prompt, "template of the context");
    v.field("choices", self.choices, "templates of the continuations, without the delimiter");
    v.field("choices_field", self.choices_field, "field that holds the list of them instead");
    v.field("contexts", self.contexts, "of contexts: templates, one per choice");
    v.field("continuation", self.continuation, "of contexts and cloze: template");
    v.field("delimiter", self.delimiter, "between a context and its continuation");
    v.field("answer", self.answer, "template of the right choice: its number from 0, or its label");
    v.field("labels", self.labels, "what answer says for each choice, where it is not a number");
    v.field("labels_field", self.labels_field, "field that holds the list of them instead");
    v.list("clean", self.clean, "clean-up of prompt, contexts and choices, in order");
    v.field("group_by", self.group_by, "field whose values are scored by themselves too");
    v.list("groups", self.groups, "names for several of them together");
    v.section("few_shot", self.few_shot, "answered examples in front of the question");
    v.choice("metric", self.metric, kMetricNames, "the one that tables show first");
  }
  void validate() const;
};

// The task of a TOML file's text; `file_name` opens errors. Throws util::Error as config::read
// does, and for templates that cannot be parsed.
TaskConfig parse_task(const std::string& file_name, const std::string& toml_text);

// A task by its name, or by the path of its file (with a '/' or ending in .toml). Behind either may
// stand "@N": with N examples in front of each question. Throws util::Error that lists the names;
// `key` opens it.
TaskConfig find_task(const std::string& spec, const std::string& key = "--tasks");

// The path in such a text, without "@N"; empty where it is a name.
std::string path_of_task(const std::string& spec);

// The tasks that the program comes with, recipes/tasks, compiled in.
struct NamedTask {
  std::string_view name;
  std::string_view toml;
};
const std::vector<NamedTask>& named_tasks();

}  // namespace superpose::tasks
