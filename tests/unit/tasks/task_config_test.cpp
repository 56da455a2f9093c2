#include "tasks/task_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/error_of.h"

namespace superpose::tasks {
namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kTask = R"(
name = "own"
files = ["own.jsonl"]
prompt = "{q}"
choices = ["{a}", "{b}"]
answer = "{label}"
)";

TEST(TaskConfig, ReadsATask) {
  const TaskConfig task = parse_task("own.toml", kTask);
  EXPECT_EQ(task.name, "own");
  EXPECT_EQ(task.kind, TaskKind::kChoices);
  EXPECT_EQ(task.delimiter, " ");
  EXPECT_EQ(task.few_shot.separator, "\n\n");
}

// The key at fault is named.
TEST(TaskConfig, RefusesWhatMakesNoTask) {
  const std::string good = kTask;
  const auto error = [&](const std::string& more, const std::string& instead_of = "") {
    std::string text = good;
    if (!instead_of.empty()) text.erase(text.find(instead_of), instead_of.size());
    return error_of([&] { parse_task("own.toml", text + more); });
  };
  EXPECT_THAT(error("promt = \"x\"\n"), AllOf(StartsWith("own.toml:7: "), HasSubstr("promt")));
  EXPECT_THAT(error("", "prompt = \"{q}\"\n"), HasSubstr("prompt"));
  EXPECT_THAT(error("", "choices = [\"{a}\", \"{b}\"]\n"), HasSubstr("choices"));
  EXPECT_THAT(error("choices = []\n", "choices = [\"{a}\", \"{b}\"]\n"), HasSubstr("choices"));
  EXPECT_THAT(error("choices_field = \"c\"\n"), HasSubstr("choices_field"));
  EXPECT_THAT(error("", "answer = \"{label}\"\n"), HasSubstr("answer"));
  EXPECT_THAT(error("", "files = [\"own.jsonl\"]\n"), HasSubstr("files"));
  EXPECT_THAT(error("name = \"Own\"\n", "name = \"own\"\n"), HasSubstr("name"));
  EXPECT_THAT(error("prompt = \"{q\"\n", "prompt = \"{q}\"\n"),
              AllOf(StartsWith("own.toml:6: "), HasSubstr("prompt")));
  EXPECT_THAT(error("kind = \"cloze\"\n"), HasSubstr("choices"));
  EXPECT_THAT(error("kind = \"contexts\"\n"), HasSubstr("contexts"));
  EXPECT_THAT(error("kind = \"quiz\"\n"), HasSubstr("quiz"));
  EXPECT_THAT(error("metric = \"perplexity\"\n"), HasSubstr("perplexity"));
  EXPECT_THAT(error("labels = [\"1\"]\nlabels_field = \"l\"\n"), HasSubstr("labels_field"));
  EXPECT_THAT(error("[[groups]]\nname = \"x\"\n"), HasSubstr("group_by"));
  EXPECT_THAT(error("[few_shot]\nexamples = 2\n"), HasSubstr("few_shot.files"));
  EXPECT_THAT(error("[few_shot]\nexamples = -1\n"), HasSubstr("few_shot.examples"));
  EXPECT_THAT(error("[[clean]]\nrule = \"replace\"\n"), HasSubstr("clean[0].find"));
  EXPECT_THAT(error("[[clean]]\nrule = \"cut\"\nfind = \"[\"\n"), HasSubstr("clean[0].until"));
  EXPECT_THAT(error("name = 3\n", "name = \"own\"\n"), HasSubstr("own.toml:6"));
  EXPECT_THAT(error("= x\n"), StartsWith("own.toml:7"));
}

TEST(TaskConfig, EveryErrorNamesTheFile) {
  const std::string good = kTask;
  for (const std::string& text :
       {std::string(), good.substr(0, good.find("answer")), good + "[[groups]]\nname = \"x\"\n",
        good + "[few_shot]\nexamples = 2\n"}) {
    EXPECT_THAT(error_of([&] { parse_task("own.toml", text); }), StartsWith("own.toml:"));
  }
}

TEST(TaskConfig, FilesLieBelowTheDataFolder) {
  for (const char* const files : {"../ev/own.jsonl", "a/../../own.jsonl", "/data/own.jsonl"}) {
    const std::string line = "files = [\"" + std::string(files) + "\"]\n";
    std::string text = kTask;
    text.replace(text.find("files"), text.find("prompt") - text.find("files"), line);
    EXPECT_THAT(error_of([&] { parse_task("own.toml", text); }),
                AllOf(StartsWith("own.toml:3: files: "), HasSubstr(files)));
    const std::string examples = kTask + ("[few_shot]\n" + line);
    EXPECT_THAT(error_of([&] { parse_task("own.toml", examples); }),
                StartsWith("own.toml:8: few_shot.files: "));
  }
}

TEST(TaskConfig, LabelsTellTheChoicesApart) {
  const auto error = [](const std::string& labels) {
    return error_of([&] { parse_task("own.toml", kTask + ("labels = " + labels + "\n")); });
  };
  EXPECT_EQ(error("['x', 'y']"), "");
  for (const char* const labels : {"['x']", "['x', 'y', 'z']", "['x', 'x']"}) {
    EXPECT_THAT(error(labels), StartsWith("own.toml:7: labels: ")) << labels;
  }
}

TEST(TaskConfig, CleanRulesSayWhatTheirOwnRuleNeeds) {
  const auto error = [](const std::string& rule) {
    return error_of([&] { parse_task("own.toml", kTask + ("[[clean]]\n" + rule)); });
  };
  EXPECT_THAT(error("rule = 'replace'\n"), AllOf(HasSubstr("replace"), Not(HasSubstr("cut"))));
  EXPECT_THAT(error("rule = 'strip'\nfind = 'x'\n"),
              AllOf(HasSubstr("clean[0].find"), HasSubstr("strip")));
  EXPECT_EQ(error("rule = 'replace'\nfind = 'x'\n"), "");
}

TEST(TaskConfig, NamedTasksAreThoseOfTheIssue) {
  std::vector<std::string> names;
  for (const NamedTask& task : named_tasks()) {
    const TaskConfig read = find_task(std::string(task.name));
    EXPECT_EQ(read.name, task.name);
    EXPECT_NE(read.source, "");
    names.emplace_back(task.name);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("hellaswag", "arc_easy", "arc_challenge", "mmlu",
                                                   "piqa", "lambada_openai", "boolq", "openbookqa",
                                                   "winogrande", "sciq"));
  const TaskConfig mmlu = find_task("mmlu@5");
  EXPECT_EQ(mmlu.few_shot.examples, 5);
  std::size_t subjects = 0;
  for (const TaskGroup& group : mmlu.groups) subjects += group.values.size();
  EXPECT_EQ(subjects, 57);
}

TEST(TaskConfig, UnknownTasks) {
  EXPECT_THAT(error_of([] { find_task("helaswag"); }),
              AllOf(StartsWith("--tasks: "), HasSubstr("hellaswag")));
  EXPECT_THAT(error_of([] { find_task("./none.toml"); }), HasSubstr("none.toml"));
  EXPECT_THAT(error_of([] { find_task("lambada_openai@2"); }), HasSubstr("few_shot.files"));
  EXPECT_THAT(error_of([] { find_task("piqa@1001"); }), HasSubstr("few_shot.examples"));
}

}  // namespace
}  // namespace superpose::tasks
