#include "tasks/task_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/error_of.h"
#include "support/temp_dir.h"

namespace superpose::tasks {
namespace {

std::vector<const Item*> all_of(const std::vector<Item>& items) {
  std::vector<const Item*> all;
  for (const Item& item : items) all.push_back(&item);
  return all;
}

using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Row> rows(const std::vector<std::string>& lines) {
  std::vector<Row> result;
  for (const std::string& line : lines) {
    const std::string where = "own.jsonl:" + std::to_string(result.size() + 1);
    result.push_back({util::parse_json(line, where), where});
  }
  return result;
}

TaskConfig own_task() {
  TaskConfig task;
  task.name = "own";
  task.files = {"own.jsonl"};
  task.source = "its author";
  task.prompt = "Q: {q}\nA:";
  task.choices_field = "c";
  task.answer = "{label}";
  return task;
}

TEST(TaskItems, ALoadedTaskLiesNextToItsFileOrInAFolder) {
  const test::TempDir folder;
  const std::string file = folder / "own.toml";
  std::ofstream(file) << "name = \"own\"\nfiles = [\"own.jsonl\"]\nprompt = \"{q}\"\n"
                         "choices = [\"{a}\", \"{b}\"]\nanswer = \"0\"\n"
                         "[few_shot]\nfiles = [\"own.jsonl\"]\nsampler = \"first\"\n";
  std::ofstream(folder / "own.jsonl") << R"({"q": "1", "a": "x", "b": "y"})"
                                      << "\n"
                                      << R"({"q": "2", "a": "x", "b": "y"})"
                                      << "\n";
  const LoadedTask plain = load_task(file, "");
  EXPECT_EQ(plain.config.name, "own");
  EXPECT_EQ(plain.items.size(), 2U);
  EXPECT_EQ(load_task(file, "", 1).items.size(), 1U);
  const LoadedTask shot = load_task(file + "@1", folder.path());
  EXPECT_EQ(shot.config.name, "own@1");
  EXPECT_NE(fingerprint_of(all_of(shot.items)), fingerprint_of(all_of(plain.items)));
  EXPECT_EQ(fingerprint_of(all_of(load_task(file, folder.path()).items)),
            fingerprint_of(all_of(plain.items)));
  EXPECT_THAT(error_of([&] { load_task("piqa", folder.path()); }), HasSubstr("piqa"));
}

TEST(TaskItems, ChanceIsABlindChoice) {
  const auto item = [](std::size_t choices) {
    Item made;
    made.choices.assign(choices, "x");
    return made;
  };
  EXPECT_EQ(chance_of(all_of(std::vector<Item>{item(4), item(2)})), (0.25 + 0.5) / 2);
  EXPECT_EQ(chance_of(all_of(std::vector<Item>{item(4), item(0)})), std::nullopt)
      << "a cloze has none";
}

// What is asked and which answer is right; not where it stands.
TEST(TaskItems, FingerprintsAreOfQuestions) {
  Item item{.index = 3, .group = "g", .pairs = {{"a", "b"}, {"a", "c"}}, .choices = {"b", "c"}};
  const auto fingerprint = [&] { return fingerprint_of(all_of(std::vector<Item>{item})); };
  const std::string before = fingerprint();
  item.index = 4;
  EXPECT_EQ(fingerprint(), before);
  item.answer = 1;
  EXPECT_NE(fingerprint(), before);
  item.answer = 0;
  item.pairs[0] = {"ab", ""};
  EXPECT_NE(fingerprint(), before);
}

TEST(TaskItems, ChoicesOfOneContext) {
  TaskConfig task = own_task();
  task.description = "About {q|spaces}.\n\n";
  const auto items = make_items(task, rows({R"({"q": "a_b", "c": ["x", "y"], "label": 1})"}), {});
  ASSERT_EQ(items.size(), 1);
  EXPECT_THAT(items[0].pairs, ElementsAre(TextPair{"About a b.\n\nQ: a_b\nA:", " x"},
                                          TextPair{"About a b.\n\nQ: a_b\nA:", " y"}));
  EXPECT_EQ(items[0].answer, 1);
}

TEST(TaskItems, CleanUpInOrder) {
  TaskConfig task = own_task();
  using What = CleanRule::What;
  task.clean = {{.rule = What::kStrip},
                {.rule = What::kReplace, .find = " [t]", .with = ". "},
                {.rule = What::kCut, .find = "[", .until = "]"}};
  const auto items = make_items(
      task, rows({R"({"q": "a [t] b [x] [y\n] c", "c": [" [u] d", "[e"], "label": 0})"}), {});
  EXPECT_EQ(items[0].pairs[0].context, "Q: a.  b  [y\n] c\nA:");
  EXPECT_THAT(items[0].choices, ElementsAre(" d", "[e"));
}

TEST(TaskItems, AnswersByLabel) {
  TaskConfig task = own_task();
  task.labels_field = "l";
  const auto line = [](const std::string& label) {
    return rows(
        {R"({"q": "", "c": ["x", "y", "z"], "l": ["A", "2", "C"], "label": ")" + label + "\"}"});
  };
  EXPECT_EQ(make_items(task, line("2"), {})[0].answer, 1);
  EXPECT_THAT(error_of([&] { make_items(task, line("1"), {}); }),
              AllOf(HasSubstr("own.jsonl:1: "), HasSubstr("A, 2, C"), HasSubstr("\"1\"")));
  EXPECT_THAT(error_of([&] {
                make_items(task, rows({R"({"q": "", "c": ["x"], "l": ["A", "B"], "label": "B"})"}),
                           {});
              }),
              HasSubstr("own.jsonl:1: "));
  // Which of the two is right cannot be known; labels of wrong choices do not matter.
  const auto twice = [](const std::string& label) {
    return rows(
        {R"({"q": "", "c": ["x", "y", "z"], "l": ["A", "B", "B"], "label": ")" + label + "\"}"});
  };
  EXPECT_EQ(make_items(task, twice("A"), {})[0].answer, 0);
  EXPECT_THAT(error_of([&] { make_items(task, twice("B"), {}); }), HasSubstr("own.jsonl:1: "));
}

TEST(TaskItems, RefusesAnswersAndChoicesThatAreNone) {
  const TaskConfig task = own_task();
  for (const char* line :
       {R"({"q": "", "c": ["x", "y"], "label": 2})", R"({"q": "", "c": ["x", "y"], "label": -1})",
        R"({"q": "", "c": ["x", "y"], "label": "A"})", R"({"q": "", "c": [], "label": 0})",
        R"({"q": "", "c": ["x", ""], "label": 0})", R"({"q": "", "c": "xy", "label": 0})",
        R"({"c": ["x", "y"], "label": 0})", R"({"q": "", "c": ["x", "y"]})"}) {
    const std::string good = R"({"q": "", "c": ["x", "y"], "label": 0})";
    EXPECT_THAT(error_of([&] {
                  make_items(task, rows({good, line}), {});
                }),
                HasSubstr("own.jsonl:2: "))
        << line;
  }
}

TEST(TaskItems, ExamplesOfTheSameGroup) {
  TaskConfig task = own_task();
  task.group_by = "g";
  task.few_shot.examples = 2;
  task.few_shot.files = {"dev.jsonl"};
  task.few_shot.sampler = FewShotConfig::Sampler::kFirst;
  const auto line = [](const std::string& group, const std::string& q) {
    return R"({"g": ")" + group + R"(", "q": ")" + q + R"(", "c": ["x", "y"], "label": 1})";
  };
  const auto dev = rows({line("m", "1"), line("n", "2"), line("m", "3"), line("m", "4")});
  const auto items = make_items(task, rows({line("m", "?")}), dev);
  EXPECT_EQ(items[0].pairs[0].context, "Q: 1\nA: y\n\nQ: 3\nA: y\n\nQ: ?\nA:");
  EXPECT_EQ(items[0].group, "m");
  EXPECT_THAT(error_of([&] { make_items(task, rows({line("n", "?")}), dev); }),
              HasSubstr("own.jsonl:1: "));
}

TEST(TaskItems, SamplesAreTheFirstOfEachGroup) {
  TaskConfig task = own_task();
  task.group_by = "q";
  std::vector<std::string> lines;
  for (const char* q : {"m", "m", "n", "m", "n", "n"}) {
    lines.push_back(R"({"q": ")" + std::string(q) + R"(", "c": ["x"], "label": 0})");
  }
  std::vector<std::int64_t> indices;
  for (const Item& item : make_items(task, rows(lines), {}, 2)) indices.push_back(item.index);
  EXPECT_THAT(indices, ElementsAre(0, 1, 2, 4));
}

TEST(TaskItems, SayWhereMissingDataComesFrom) {
  const test::TempDir folder;
  EXPECT_THAT(
      error_of([&] { load_items(own_task(), folder.path()); }),
      AllOf(HasSubstr("own.jsonl"), HasSubstr("its author"), HasSubstr(folder.path().string())));
  std::ofstream(folder.path() / "own.jsonl") << "\n";
  EXPECT_THAT(error_of([&] { load_items(own_task(), folder.path()); }), HasSubstr("no rows"));
  std::ofstream(folder.path() / "own.jsonl") << R"({"q": "", "c": ["x"], "label": 0})";
  EXPECT_EQ(load_items(own_task(), folder.path()).size(), 1);
}

std::vector<std::string> group_names(const TaskConfig& task, const std::vector<Item>& items) {
  std::vector<std::string> names;
  for (const ItemGroup& group : groups_of(task, items)) names.push_back(group.name);
  return names;
}

TEST(TaskItems, GroupsAreTheNamedOnesElseThoseOfTheField) {
  const std::vector<Item> items = {
      {.index = 0, .group = "b"}, {.index = 1, .group = "a"}, {.index = 2, .group = "b"}};
  TaskConfig task;
  task.name = "own";
  EXPECT_TRUE(groups_of(task, items).empty());
  task.group_by = "subject";
  EXPECT_THAT(group_names(task, items), testing::ElementsAre("own/a", "own/b"));
  EXPECT_THAT(groups_of(task, items)[1].items, testing::ElementsAre(0U, 2U));
  task.groups = {{.name = "both", .values = {"b", "a"}}, {.name = "none", .values = {"c"}}};
  EXPECT_THAT(group_names(task, items), testing::ElementsAre("own/both"));
  EXPECT_THAT(groups_of(task, items)[0].items, testing::ElementsAre(0U, 1U, 2U));
}

}  // namespace
}  // namespace superpose::tasks
