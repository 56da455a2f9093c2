#include "report/words/ranking.h"

#include <gmock/gmock.h>

#include "report/export.h"
#include "report/page/grid.h"
#include "report/page/page.h"
#include "report/words/verdict.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/json.h"

namespace superpose::report {
namespace {

using test::names;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class RankingTest : public ReportTest {
 protected:
  // An arm of the grid for each pair of values; the gain grows with the product.
  void add_grid(const std::vector<std::string>& arms, int rows, int columns) {
    add("baseline", 1, 1.1);
    experiment_.arms = {"baseline"};
    experiment_.grid.keys = {"phases.bag_size", "phases.share"};
    for (const std::string& arm : arms) {
      for (int row = 1; row <= rows; ++row) {
        for (int column = 1; column <= columns; ++column) {
          const std::vector<std::string> values = {std::to_string(2 * row),
                                                   "0." + std::to_string(column)};
          const std::string name = arm + "-bag_size-" + values[0] + "-share-" + values[1];
          experiment_.arms.push_back(name);
          experiment_.grid.arms.push_back({name, values});
          add(name, 1, 1.1 + (arm == "tst" ? -0.01 : 0.01) * row * column);
        }
      }
    }
  }
};

TEST_F(RankingTest, ByGainAndThoseAtOtherComputeLast) {
  experiment_.arms = {"baseline", "large", "s2", "s4", "absent"};
  add("baseline", 1, 1.1);
  test::SyntheticRun large = small_run("large", 1, 0.9);
  large.flops_per_position *= 2;
  add(large);
  add("s2", 1, 1.05);
  add("s4", 1, 1.02);
  const Analysis analysis = analyze(experiment_);
  const util::Json json = util::parse_json(report_json(analysis), "report.json");
  EXPECT_EQ(json["ranking"], (util::Json{"s4", "s2", "large"}));
  EXPECT_EQ(best_comparison(analysis).comparison->arm, "s4");
  EXPECT_EQ(best_comparison(analysis).among, 2);
  EXPECT_THAT(in_words(analysis), names("2 arms"));
}

TEST_F(RankingTest, GridIsAMapOfEachArmThatItIsLaidOver) {
  add_grid({"tst", "out"}, 2, 3);
  const Analysis analysis = analyze(experiment_);
  const std::vector<HeatMap> maps = heat_maps(analysis);
  ASSERT_EQ(maps.size(), 2U);
  EXPECT_EQ(maps[0].arm, "tst");
  EXPECT_EQ(maps[1].arm, "out");
  EXPECT_THAT(maps[0].rows, ElementsAre("2", "4"));
  EXPECT_THAT(maps[0].columns, ElementsAre("0.1", "0.2", "0.3"));
  EXPECT_EQ(maps[1].cells[1][2]->arm, "out-bag_size-4-share-0.3");
  const std::string html = heat_map_tables(analysis);
  EXPECT_THAT(html, HasSubstr("class=\"num ahead-4\">0.0600 ahead<small>1 seed"));
  EXPECT_THAT(html, HasSubstr("class=\"num behind-1\">0.0100 behind<small>1 seed"));
  EXPECT_THAT(ranking_table(analysis), HasSubstr("1. tst-bag_size-4-share-0.3"));
}

TEST_F(RankingTest, OneKeyIsATableAlone) {
  add_grid({"tst"}, 2, 1);
  experiment_.grid.keys = {"phases.bag_size"};
  for (GridArm& arm : experiment_.grid.arms) arm.values.pop_back();
  EXPECT_TRUE(heat_maps(analyze(experiment_)).empty());
  EXPECT_THAT(ranking_table(analyze(experiment_)), HasSubstr("phases.bag_size"));
}

TEST_F(RankingTest, CellWithoutAResultIsADash) {
  add_grid({"tst"}, 2, 2);
  experiment_.runs.pop_back();
  EXPECT_EQ(heat_maps(analyze(experiment_)).at(0).cells[1][1], nullptr);
  EXPECT_THAT(heat_map_tables(analyze(experiment_)), HasSubstr("class=\"num\">-</td>"));
}

TEST_F(RankingTest, OfManyArmsOneIsToldAndSixAreDrawn) {
  add_grid({"tst"}, 3, 3);
  const Analysis analysis = analyze(experiment_);
  EXPECT_TRUE(has_many_arms(analysis));
  EXPECT_THAT(drawn_arms(analysis), testing::SizeIs(7));
  EXPECT_EQ(drawn_arms(analysis).at(1), "tst-bag_size-6-share-0.3");
  const std::string text = in_words(analysis);
  EXPECT_THAT(text, HasSubstr("tst-bag_size-6-share-0.3 ends at 1.0100"));
  EXPECT_THAT(text, Not(HasSubstr("tst-bag_size-2-share-0.1 ends at")));
  EXPECT_THAT(text, names("9. tst-bag_size-2-share-0.1 0.0100 ahead", "1 seed"));
}

}  // namespace
}  // namespace superpose::report
