#include "experiment/decision.h"

#include "util/error.h"
#include "util/json.h"

namespace superpose::experiment {

std::string on_first_rank(distributed::Collective& collective,
                          const std::function<std::string()>& work) {
  std::string text;
  if (collective.rank() == 0) {
    try {
      text = "+" + work();
    } catch (const util::Error& error) {
      text = std::string("-") + error.what();
    }
  }
  text = collective.broadcast_text(text, 0);
  util::require(text.starts_with('+'), text.substr(1));
  return text.substr(1);
}

std::string to_text(const Decision& decision) {
  util::Json json;
  json["all_done"] = decision.all_done;
  const PlannedRun& run = decision.run;
  json["arm"] = run.arm;
  json["seed"] = run.seed;
  json["learning_rate"] = run.learning_rate.value_or(0);
  json["budget"] = run.budget;
  json["is_tuning"] = run.role == report::Role::kTuning;
  json["folder"] = run.folder;
  json["parent"] = run.parent;
  json["first_step"] = run.first_step;
  json["total_steps"] = run.total_steps;
  json["pinned_steps"] = run.pinned_steps;
  return json.dump();
}

Decision decision_from_text(const std::string& text) {
  const util::Json json = util::parse_json(text, "compare");
  Decision decision;
  decision.all_done = json.at("all_done");
  PlannedRun& run = decision.run;
  run.arm = json.at("arm");
  run.seed = json.at("seed");
  run.learning_rate = json.at("learning_rate").get<double>();
  run.budget = json.at("budget");
  if (json.at("is_tuning")) run.role = report::Role::kTuning;
  run.folder = json.at("folder");
  run.parent = json.at("parent");
  run.first_step = json.at("first_step");
  run.total_steps = json.at("total_steps");
  run.pinned_steps = json.at("pinned_steps").get<std::vector<std::int64_t>>();
  return decision;
}

}  // namespace superpose::experiment
