#include "report/page/grid.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/page/html.h"
#include "report/words/ranking.h"
#include "report/words/text.h"
#include "report/words/verdict.h"
#include "util/text.h"

namespace superpose::report {
namespace {

// Rows of the ranking that are shown at once.
constexpr std::size_t kMostRanked = 10;
// Columns of a heat map that a phone has room for.
constexpr std::size_t kMostNarrowColumns = 4;

Cell number(std::string main, std::string sub = "") {
  return {std::move(main), std::move(sub), true};
}

const char* verdict_words(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNone:
      return "no result";
    case Verdict::kTooFew:
      return "may be chance: too few seeds";
    case Verdict::kUnclear:
      return "no clear difference";
    case Verdict::kAhead:
      return "ahead";
    case Verdict::kBehind:
      return "behind";
  }
  return "";
}

void add_grid_values(const Grid& grid, const std::string& arm, std::vector<Cell>& row) {
  const auto found = std::find_if(grid.arms.begin(), grid.arms.end(),
                                  [&](const GridArm& one) { return one.arm == arm; });
  for (std::size_t i = 0; i < grid.keys.size(); ++i) {
    const bool known = found != grid.arms.end() && i < found->values.size();
    row.push_back(number(known ? found->values[i] : "-"));
  }
}

// "ahead-3": how far a gain lies from level, in quarters of the largest distance on the map.
std::string shade(double gain, double largest) {
  constexpr double kShades = 4;
  const Side side = side_of(gain);
  if (side == Side::kLevel || largest <= 0) return "";
  const auto step = static_cast<int>(std::ceil(kShades * std::abs(gain) / largest));
  return (side == Side::kAhead ? "ahead-" : "behind-") +
         std::to_string(std::clamp(step, 1, static_cast<int>(kShades)));
}

double largest_gain(const HeatMap& map) {
  double largest = 0;
  for (const auto& row : map.cells) {
    for (const Comparison* cell : row) {
      if (cell != nullptr) largest = std::max(largest, std::abs(cell->equal_flops.mean.gain));
    }
  }
  return largest;
}

std::string heat_map_table(const HeatMap& map, const Grid& grid) {
  HtmlTable html;
  html.css_class = map.columns.size() > kMostNarrowColumns ? "plain heat" : "plain heat narrow";
  html.head = {{grid.keys[0] + " \\ " + grid.keys[1], ""}};
  for (const std::string& value : map.columns) html.head.push_back(number(value));
  const double largest = largest_gain(map);
  for (std::size_t i = 0; i < map.rows.size(); ++i) {
    std::vector<Cell> row = {{map.rows[i], ""}};
    for (const Comparison* result : map.cells[i]) {
      Cell cell = number("-");
      if (result != nullptr) {
        const double gain = result->equal_flops.mean.gain;
        cell = number(format_gain(gain), util::counted(result->equal_flops.interval.count, "seed"));
        cell.css_class = shade(gain, largest);
      }
      row.push_back(std::move(cell));
    }
    html.rows.push_back(std::move(row));
  }
  return table(html);
}

}  // namespace

std::string ranking_table(const Analysis& analysis) {
  const Grid& grid = analysis.experiment.grid;
  HtmlTable html;
  HtmlTable rest;
  html.css_class = "plain ranking";
  html.head = {{"Arm", ""}, number("Gain at equal compute"), {"Verdict", ""}, number("Final loss")};
  for (const std::string& key : grid.keys) html.head.push_back(number(key));
  std::size_t rank = 0;
  for (const Comparison* comparison : ranked(analysis)) {
    const GainOutcome& gain = comparison->equal_flops;
    std::vector<Cell> row = {{std::to_string(++rank) + ". " + comparison->arm, ""},
                             number(format_gain(gain.mean.gain), brief_support(gain)),
                             {verdict_words(verdict_of(gain)), ""},
                             number(format_loss(gain.mean.arm_loss))};
    add_grid_values(grid, comparison->arm, row);
    (rank > kMostRanked ? rest : html).rows.push_back(std::move(row));
  }
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.equal_flops.available) continue;
    std::vector<Cell> row = {
        {comparison.arm, ""}, number("-"), {comparison.equal_flops.why_not, ""}, number("-")};
    add_grid_values(grid, comparison.arm, row);
    (html.rows.size() >= kMostRanked ? rest : html).rows.push_back(std::move(row));
  }
  if (rest.rows.empty()) return table(html);
  rest.css_class = html.css_class;
  rest.head = html.head;
  return table(html) + "<details><summary>" + util::counted(std::ssize(rest.rows), "more arm") +
         "</summary>" + table(rest) + "</details>\n";
}

std::string heat_map_tables(const Analysis& analysis) {
  const std::vector<HeatMap> maps = heat_maps(analysis);
  std::string html;
  for (const HeatMap& map : maps) {
    if (maps.size() > 1) html += "<h3>" + escape_html(map.arm) + "</h3>\n";
    html += heat_map_table(map, analysis.experiment.grid);
  }
  return html;
}

}  // namespace superpose::report
