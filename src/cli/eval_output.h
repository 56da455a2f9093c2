// What `superpose eval` prints and writes.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "tasks/item_scores.h"
#include "util/json.h"

namespace superpose::cli {

// Everything measured of one model: tasks with their groups, texts.
struct ModelScores {
  std::string model;  // as the user named it
  std::vector<tasks::TaskScore> scores;
};

// A line per score and metric, a column per model: "0.2250 +- 0.0668". Details are left out.
void print_scores(std::ostream& out, const std::vector<ModelScores>& models);

// {"models": [{"model", "scores": [{"name", "items", "metrics": {"acc": {"value", "error"}}}]}]}
util::Json scores_to_json(const std::vector<ModelScores>& models);

}  // namespace superpose::cli
