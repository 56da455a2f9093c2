#include "report/page/html.h"

#include <gmock/gmock.h>

#include "report/page/page.h"
#include "report/page/plot_data.h"
#include "report/page/step_curves.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/json.h"

namespace superpose::report {
namespace {

using test::names;
using testing::HasSubstr;
using testing::Not;

TEST(Html, EscapesMarkupAndBytesThatAreNoText) {
  EXPECT_EQ(escape_html("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escape_html("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(escape_html("a\xFFz\xC3"), "a\uFFFDz\uFFFD");
}

TEST(Html, NothingEndsAScriptEarly) {
  EXPECT_EQ(escape_script_json(R"({"a":"</script><b>"})"), R"({"a":"\u003c/script>\u003cb>"})");
  EXPECT_EQ(util::parse_json(escape_script_json(R"({"a":"</script>"})"), "test")["a"], "</script>");
  EXPECT_EQ(escape_script("x='</script>'"), "x='<\\/script>'");
}

class Page : public ReportTest {
 protected:
  std::string page() const { return html_page(analyze(experiment_), "window.Plotly = {};"); }
};

TEST_F(Page, TextFromOutsideIsEscapedEverywhere) {
  const std::string evil = "<img src=x onerror=alert(1)>";
  experiment_.title = experiment_.recipe_name = experiment_.recipe_text = evil;
  experiment_.commands = experiment_.notes = {evil};
  experiment_.arms = {"baseline", evil};
  add("baseline", 1, 1.1);
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  add(run).arm = evil;
  experiment_.one_recipe = false;  // the name is not that of the records
  EXPECT_THAT(page(), Not(HasSubstr("<img")));
  EXPECT_THAT(page(), HasSubstr("&lt;img src=x"));
}

TEST_F(Page, RefersToNothingOutside) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  const std::string html = page();
  EXPECT_THAT(html, Not(HasSubstr("http:")));
  EXPECT_THAT(html, Not(HasSubstr("https:")));
  EXPECT_THAT(html, Not(HasSubstr(" src=")));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST_F(Page, ThreeRowsAreAlwaysThereAndNoSpeedUpWithoutBudgets) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  const std::string html = page();
  EXPECT_THAT(html, HasSubstr("Same compute"));
  EXPECT_THAT(html, HasSubstr("Same loss"));
  EXPECT_THAT(html, HasSubstr("Same text"));
  EXPECT_THAT(html, names("not run<small>"));
  EXPECT_THAT(html, names("read", "amount of text"));
  EXPECT_THAT(html, Not(HasSubstr("Speed-up")));
  EXPECT_THAT(html, Not(HasSubstr("id=\"plot-budgets\"")));
  EXPECT_THAT(html, Not(HasSubstr("id=\"plot-rates\"")));
}

TEST_F(Page, RoutersAreDrawnWhereARunHasThem) {
  add("baseline", 1, 1.1);
  EXPECT_THAT(page(), Not(HasSubstr("id=\"plot-router\"")));
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.routers = true;
  add(run);
  EXPECT_THAT(page(), HasSubstr("id=\"plot-router\""));
  const util::Json data = plot_data(analyze(experiment_));
  EXPECT_FALSE(data["runs"][0]["steps"]["series"].contains("router"));
  const util::Json& steps = data["runs"][1]["steps"]["step"];
  const util::Json& router = data["runs"][1]["steps"]["series"]["router"];
  ASSERT_EQ(steps.size(), router["max_load"].size());
  // No mean of steps before and after the switch.
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool superposed = steps[i] <= 60;
    EXPECT_EQ(router["max_load"][i], superposed ? 2 : 1.5);
    EXPECT_EQ(router["entropy"][i], superposed ? 1 : 1.25);
  }
}

TEST_F(Page, LongTrainingCurvesAreThinnedWithinAPhase) {
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.routers = true;
  run.total_steps = 40'000;
  run.validate_every = 10'000;
  add(run);
  const util::Json steps = plot_data(analyze(experiment_))["runs"][0]["steps"];
  EXPECT_LE(steps["step"].size(), kStepCurvePoints + 1);
  EXPECT_GE(steps["step"].size(), kStepCurvePoints / 2);
  for (const util::Json& load : steps["series"]["router"]["max_load"])
    EXPECT_TRUE(load == 2 || load == 1.5) << load;
}

TEST_F(Page, EmptyComparisonStillMakesAPage) {
  EXPECT_THAT(page(), names("No result"));
  experiment_.arms = {"baseline"};
  EXPECT_THAT(page(), names("one arm"));
}

TEST_F(Page, SettingsThatDifferAreListedAndOperationalOnesAreNot) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  const std::string html = page();
  EXPECT_THAT(html, names("differs"));
  EXPECT_THAT(html, HasSubstr("[{bag_size = 4, share = 0.3}]"));
  EXPECT_THAT(html, Not(HasSubstr("train.threads")));
}

}  // namespace
}  // namespace superpose::report
