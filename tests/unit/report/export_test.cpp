#include "report/export.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "report_fixture.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::report {
namespace {

using testing::HasSubstr;

using Export = ReportTest;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_F(Export, JsonHoldsTheOutcomes) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  const util::Json json = util::parse_json(report_json(analyze(experiment_)), "report.json");
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["learning_rates_searched"], false);
  const util::Json& comparison = json["comparisons"][0];
  EXPECT_EQ(comparison["verdict"], "too_few_seeds");
  EXPECT_NEAR(comparison["equal_flops"]["gain"]["mean"].get<double>(), 0.1, 1e-12);
  EXPECT_TRUE(comparison["equal_flops"]["gain"]["low"].is_null());
  EXPECT_EQ(comparison["equal_raw_tokens"]["available"], false);
  EXPECT_FALSE(comparison.contains("speed_up"));  // no budgets, no figure
  EXPECT_EQ(json["runs"].size(), 2U);
}

TEST_F(Export, JsonHoldsSpeedUpsWhereThereAreBudgets) {
  add("baseline", 1, 1.10);
  add_budget("tst", 1, 0.5, 1.20);
  add_budget("tst", 1, 1.0, 1.15);
  const util::Json json = util::parse_json(report_json(analyze(experiment_)), "report.json");
  const util::Json& speed = json["comparisons"][0]["speed_up"];
  EXPECT_EQ(speed["bound"], "at_most");
  EXPECT_EQ(speed["per_seed"][0]["bound"], "at_most");
  EXPECT_NEAR(speed["factor"]["mean"].get<double>(), 1, 1e-12);
}

TEST_F(Export, TablesHaveOneRowARunAndOneAPoint) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  experiment_.arms = {"baseline", "=tst, \"x\""};
  experiment_.runs.back().arm = "=tst, \"x\"";
  experiment_.one_recipe = false;  // the name is not that of the records
  const Analysis analysis = analyze(experiment_);
  const std::vector<std::string> results = lines_of(results_csv(analysis));
  ASSERT_EQ(results.size(), 3U);
  EXPECT_THAT(results[0],
              testing::StartsWith("arm,seed,learning_rate,budget,role,finished,epochs,step,"));
  EXPECT_THAT(results[2], testing::StartsWith("\"'=tst, \"\"x\"\"\",1,0.004,1.0,final,1,"));
  const std::vector<std::string> curves = lines_of(curves_csv(analysis));
  EXPECT_EQ(curves.size(), 1U + 2 * 11U);
  EXPECT_THAT(curves[1], testing::StartsWith("\"baseline\",1,0.004,1.0,final,0,0,0,0.0,0.0,"));
}

TEST_F(Export, WritesAllFiles) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  std::ofstream(folder_ / "plotly.js") << "window.Plotly = {};";
  const std::filesystem::path page = write_report(
      analyze(experiment_), util::OutputFolder(folder_ / "out"), folder_ / "plotly.js");
  EXPECT_EQ(page, folder_ / "out" / "report.html");
  EXPECT_THAT(util::read_file(page), HasSubstr("window.Plotly = {};"));
  for (const char* name : {"report.json", "results.csv", "curves.csv"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_ / "out" / name)) << name;
  }
  EXPECT_THROW(write_report(analyze(experiment_), util::OutputFolder(folder_ / "out"),
                            folder_ / "absent.js"),
               util::Error);
}

}  // namespace
}  // namespace superpose::report
