#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tasks/rows.h"
#include "tasks/task_items.h"

// What lm-eval 0.4.13 asks on rows of our own (tests/golden/make_task_references.py), text by text.

namespace superpose::tasks {
namespace {

const std::filesystem::path kFolder = SUPERPOSE_SOURCE_DIR "/tests/golden/references/tasks";

std::vector<Row> rows_of(const std::string& name) {
  std::vector<Row> rows;
  read_rows(kFolder / (name + ".jsonl"), [&](const Row& row) { rows.push_back(row); });
  return rows;
}

TEST(LmEvalPrompts, EveryTextIsTheSame) {
  std::string task_name;
  std::int64_t examples = -1;
  std::vector<Item> items;
  int compared = 0;
  for (const Row& expected : rows_of("lm_eval")) {
    const std::string name = field_text(expected, "task");
    const auto num_fewshot = expected.fields["num_fewshot"].get<std::int64_t>();
    SCOPED_TRACE(expected.where + ": " + name);
    if (name != task_name || num_fewshot != examples) {
      task_name = name;
      examples = num_fewshot;
      const TaskConfig task = find_task(name + "@" + std::to_string(num_fewshot));
      const bool is_mmlu = name == "mmlu";
      items = make_items(
          task, rows_of(is_mmlu ? "mmlu_test" : name),
          num_fewshot == 0 ? std::vector<Row>() : rows_of(is_mmlu ? "mmlu_dev" : name + "_train"));
    }
    const auto index = expected.fields["index"].get<std::size_t>();
    ASSERT_LT(index, items.size());
    const Item& item = items[index];
    const util::Json& pairs = expected.fields["pairs"];
    ASSERT_EQ(item.pairs.size(), pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      EXPECT_EQ(item.pairs[i].context, pairs[i][0].get<std::string>());
      EXPECT_EQ(item.pairs[i].continuation, pairs[i][1].get<std::string>());
      ++compared;
    }
    EXPECT_EQ(item.answer, expected.fields["answer"].get<std::size_t>());
  }
  EXPECT_GT(compared, 150);
}

}  // namespace
}  // namespace superpose::tasks
