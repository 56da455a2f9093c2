#include "cli/eval_output.h"

#include <cmath>
#include <cstddef>
#include <ostream>

#include "util/table.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

using tasks::Estimate;
using tasks::TaskScore;

std::string cell(const Estimate* estimate) {
  if (estimate == nullptr) return "-";
  // Perplexities of untrained models have many digits before the point.
  const int digits = std::abs(estimate->value) < 1000 ? 4 : 1;
  std::string text = util::fixed(estimate->value, digits);
  if (estimate->error) text += " +- " + util::fixed(*estimate->error, digits);
  return text;
}

}  // namespace

void print_scores(std::ostream& out, const std::vector<ModelScores>& models) {
  std::vector<std::string> head{"task", "rows", "metric"};
  for (std::size_t i = 0; i < models.size(); ++i) {
    // Paths are long: several get a number each.
    const std::string number = "[" + std::to_string(i + 1) + "]";
    if (models.size() > 1) out << number << " " << models[i].model << '\n';
    head.push_back(models.size() > 1 ? number : "value");
  }
  std::vector<util::TableRow> rows{head};
  for (std::size_t i = 0; i < models.front().scores.size(); ++i) {
    const TaskScore& score = models.front().scores[i];
    if (score.is_detail) continue;
    bool is_first = true;
    for (const auto& metric : score.metrics) {
      std::vector<std::string> row{is_first ? score.name : "",
                                   is_first ? util::with_commas(score.items) : "", metric.first};
      for (const ModelScores& model : models)
        row.push_back(cell(model.scores[i].find(metric.first)));
      rows.push_back(std::move(row));
      is_first = false;
    }
  }
  util::print_table(out, rows, "lllr");
}

util::Json scores_to_json(const std::vector<ModelScores>& models) {
  util::Json list = util::Json::array();
  for (const ModelScores& model : models) {
    util::Json scores = util::Json::array();
    for (const TaskScore& score : model.scores) {
      util::Json metrics = util::Json::object();
      for (const auto& [name, estimate] : score.metrics) {
        metrics[name]["value"] = estimate.value;
        if (estimate.error) metrics[name]["error"] = *estimate.error;
      }
      scores.push_back({{"name", score.name}, {"items", score.items}, {"metrics", metrics}});
    }
    list.push_back({{"model", model.model}, {"scores", scores}});
  }
  return {{"models", list}};
}

}  // namespace superpose::cli
