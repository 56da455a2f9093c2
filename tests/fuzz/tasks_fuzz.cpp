#include <memory>
#include <string>
#include <vector>

#include "fuzz/memory_stream.h"
#include "fuzz/targets.h"
#include "tasks/evaluate.h"
#include "tasks/task_config.h"
#include "tasks/task_items.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::fuzz {
namespace {

constexpr const char* kRow =
    R"({"q": "  a_b [c] d ", "c": ["x", "y"], "a": {"b": [1, 2.5, true]}, "label": 1, "n": null})";

}  // namespace

// A task that can be read has items, or an error that names the row.
void task_toml(std::string_view input) {
  tasks::TaskConfig task;
  try {
    task = tasks::parse_task("task.toml", std::string(input));
  } catch (const util::Error&) {
    return;
  }
  const std::vector<tasks::Row> rows{{util::parse_json(kRow, "row"), "row.jsonl:1"}};
  try {
    const std::vector<tasks::Item> items = tasks::make_items(task, rows, rows);
    expect(items.size() == 1 && !items[0].pairs.empty());
    expect(items[0].answer < items[0].pairs.size());
  } catch (const util::Error& error) {
    expect(std::string_view(error.what()).starts_with("row.jsonl:1: "));
  }
}

void score_requests(std::string_view input) {
  try {
    for (const tasks::TextRequest& request :
         tasks::read_requests(std::make_unique<MemoryStream>(input), "input")) {
      expect(request.where.starts_with("input:"));
    }
  } catch (const util::Error& error) {
    expect(std::string_view(error.what()).starts_with("input:"));
  }
}

}  // namespace superpose::fuzz
