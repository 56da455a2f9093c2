#include "report/page/step_curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace superpose::report {
namespace {

using util::Json;
using SeriesName = std::pair<std::string, std::string>;  // series, member

// Five significant digits: more than a plot shows.
double rounded(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double scale = std::pow(10.0, 4 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

// "update_ratio/matrix" -> "update_ratio", "matrix"; "router/3/entropy" -> "router/entropy", "3".
SeriesName series_of(const std::string& scalar) {
  const std::size_t first = scalar.find('/');
  if (first == std::string::npos) return {scalar, ""};
  const std::size_t last = scalar.rfind('/');
  if (first == last) return {scalar.substr(0, first), scalar.substr(first + 1)};
  return {scalar.substr(0, first) + scalar.substr(last),
          scalar.substr(first + 1, last - first - 1)};
}

// Another trainer's series keep their names whole.
std::map<SeriesName, double> values_of(const metrics::StepRecord& step, bool is_foreign) {
  std::map<SeriesName, double> values = {
      {{step.is_bag_loss ? "bag loss" : "training loss", ""}, step.loss},
      {{"learning rate", ""}, step.learning_rate},
      {{"gradient norm", ""}, step.gradient_norm},
      {{"positions per second", ""}, step.positions_per_second},
      {{"waiting for data, %", ""}, 100 * step.wait_share}};
  for (const auto& [name, value] : step.scalars) {
    values[is_foreign ? SeriesName{name, ""} : series_of(name)] = value;
  }
  return values;
}

struct Mean {
  double sum = 0;
  std::int64_t count = 0;
};

}  // namespace

Json step_curves(const Run& run) {
  const std::vector<metrics::StepRecord>& steps = run.records.steps;
  Json curves;
  for (const char* clock : {"step", "positions", "raw_tokens", "seconds"}) {
    curves[clock] = Json::array();
  }
  curves["series"] = Json::object();
  const std::size_t range = (steps.size() + kStepCurvePoints - 1) / kStepCurvePoints;
  std::size_t end = 0;
  for (std::size_t begin = 0; begin < steps.size(); begin = end) {
    const std::size_t limit = std::min(steps.size(), begin + range);
    while (end < limit && steps[end].phase == steps[begin].phase) ++end;
    std::map<SeriesName, Mean> means;
    for (std::size_t i = begin; i < end; ++i) {
      for (const auto& [name, value] : values_of(steps[i], run.is_foreign)) {
        if (!std::isfinite(value)) continue;
        means[name].sum += value;
        ++means[name].count;
      }
    }
    const std::size_t points = curves["step"].size();
    const metrics::StepRecord& last = steps[end - 1];
    curves["step"].push_back(last.step);
    curves["positions"].push_back(last.positions);
    curves["raw_tokens"].push_back(last.raw_tokens);
    curves["seconds"].push_back(rounded(last.seconds));
    for (const auto& [name, mean] : means) {
      Json& member = curves["series"][name.first][name.second];
      if (member.is_null()) member = Json::array();
      while (member.size() < points) member.push_back(nullptr);
      member.push_back(rounded(mean.sum / static_cast<double>(mean.count)));
    }
  }
  for (auto& [series, members] : curves["series"].items()) {
    for (auto& [member, values] : members.items()) {
      while (values.size() < curves["step"].size()) values.push_back(nullptr);
    }
  }
  return curves;
}

}  // namespace superpose::report
