#include "report/task_scores.h"

#include <gmock/gmock.h>

#include <cmath>
#include <string>

#include "report/export.h"
#include "report/page/page.h"
#include "report/page/plot_data.h"
#include "report/words/run_words.h"
#include "report/words/words.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/json.h"

namespace superpose::report {
namespace {

using test::names;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class TaskScores : public ReportTest {
 protected:
  test::SyntheticRun scored(const std::string& arm, std::int64_t seed, double final_loss) const {
    test::SyntheticRun run = small_run(arm, seed, final_loss);
    run.has_tasks = true;
    return run;
  }
  // Bits per byte are half the loss, accuracies 0.9 - a tenth of it.
  Analysis three_seeds() {
    for (const std::int64_t seed : {1, 2, 3}) {
      add(scored("baseline", seed, 1.2 + 0.02 * static_cast<double>(seed)));
      add(scored("tst", seed, 1.0 + 0.03 * static_cast<double>(seed)));
    }
    return analyze(experiment_);
  }
  Analysis one_run() {
    const RunEntry entry =
        test::add_synthetic_run(folder_.path(), scored("tst", 7, 1.25), Role::kFinal);
    return analyze(experiment_of_run(folder_.path() / entry.folder));
  }
};

TEST_F(TaskScores, ArePairedOverSeedsAndTheLowerOrHigherIsBetter) {
  const Analysis analysis = three_seeds();
  ASSERT_EQ(analysis.tasks.size(), 2U);
  const TaskSummary& task = analysis.tasks[0];
  EXPECT_EQ(task.name, "piqa");
  EXPECT_EQ(task.items, 200);
  ASSERT_EQ(task.scores.size(), 3U);
  const TaskScoreSummary& bits = task.scores[0];
  EXPECT_EQ(bits.name, "bits_per_byte") << "the primary one";
  EXPECT_EQ(bits.chance, 2.5);
  ASSERT_EQ(bits.arms.size(), 2U);
  EXPECT_NEAR(bits.arms[0].value, 0.62, 1e-12);
  EXPECT_FALSE(bits.arms[0].gain.has_value());
  EXPECT_NEAR(bits.arms[1].value, 0.53, 1e-12);
  EXPECT_NEAR(*bits.arms[1].error, 0.02, 1e-12);
  ASSERT_TRUE(bits.arms[1].gain.has_value());
  EXPECT_EQ(bits.arms[1].gain->count, 3);
  EXPECT_NEAR(bits.arms[1].gain->mean, 0.09, 1e-12);
  // Differences of 0.095, 0.09 and 0.085: t(0.975, 2) = 4.30265, deviation 0.005.
  EXPECT_NEAR(*bits.arms[1].gain->low, 0.09 - 4.30265 * 0.005 / std::sqrt(3.0), 1e-6);
  const TaskScoreSummary& acc = task.scores[1];
  EXPECT_EQ(acc.name, "acc");
  EXPECT_EQ(acc.chance, 0.5);
  EXPECT_NEAR(acc.arms[1].gain->mean, 0.018, 1e-12) << "more is better";
  EXPECT_EQ(analysis.tasks[1].scores[1].chance, std::nullopt) << "a cloze has no chance";
}

TEST_F(TaskScores, RunsThatAreNotFinishedTakeNoPart) {
  add(scored("baseline", 1, 1.2));
  test::SyntheticRun running = scored("tst", 1, 1.1);
  running.finished = false;
  add(running);
  const Analysis analysis = analyze(experiment_);
  ASSERT_EQ(analysis.tasks.size(), 2U);
  EXPECT_EQ(analysis.tasks[0].scores[0].arms.size(), 1U);
}

TEST_F(TaskScores, OtherQuestionsAreAnotherTask) {
  add(scored("baseline", 1, 1.2));
  test::SyntheticRun other = scored("tst", 1, 1.1);
  other.questions = "fedcba9876543210";
  add(other);
  const Analysis analysis = analyze(experiment_);
  EXPECT_EQ(analysis.tasks[0].scores[0].arms.size(), 1U);
  EXPECT_TRUE(records_of_task(analysis.runs[1], analysis.tasks[0]).empty());
  EXPECT_THAT(analysis.notes, testing::Contains(HasSubstr("piqa")));
}

TEST_F(TaskScores, AreInWordsTablesPlotsAndJsonWithChance) {
  const Analysis analysis = three_seeds();
  const std::string html = html_page(analysis, "");
  EXPECT_THAT(html, names("<section id=\"tasks\">", "id=\"plot-tasks\"", "bits per byte"));
  EXPECT_THAT(in_words(analysis),
              AllOf(HasSubstr("piqa"), HasSubstr("0.5300 against 0.6200 (chance 2.5000): 0.0900 "
                                                 "ahead (95 % interval 0.0776 to 0.1024 ahead, 3 "
                                                 "seeds)")));
  const util::Json json = util::parse_json(report_json(analysis), "report.json");
  const util::Json& bits = json["tasks"][0]["scores"][0];
  EXPECT_EQ(bits["name"], "bits_per_byte");
  EXPECT_EQ(bits["chance"], 2.5);
  EXPECT_EQ(bits["arms"][1]["gain"]["seeds"], 3);
  const util::Json plots = plot_data(analysis);
  EXPECT_EQ(plots["tasks"][0]["scores"][1]["chance"], 0.5);
  EXPECT_EQ(plots["runs"][0]["tasks"][0]["step"].size(), 5U);
  EXPECT_EQ(plots["runs"][0]["tasks"][0]["scores"]["acc"].size(), 5U);
  EXPECT_EQ(plots["runs"][0]["tasks"][1]["step"].size(), 1U);
}

TEST_F(TaskScores, OfARunByItselfAreSaidToo) {
  const Analysis analysis = one_run();
  ASSERT_NE(only_run(analysis), nullptr);
  EXPECT_THAT(in_words(analysis), AllOf(HasSubstr("0.6250 +- 0.0200"), HasSubstr("chance 2.5000")));
}

// The switch stands behind step 60; validations come every 20 steps.
TEST_F(TaskScores, SamplesAreEscapedAndTheSwitchIsMarked) {
  const std::string html = html_page(one_run(), "");
  const std::size_t section = html.find("<section id=\"samples\">");
  ASSERT_NE(section, std::string::npos);
  const std::string part = html.substr(section, html.find("</section>", section) - section);
  EXPECT_THAT(part,
              AllOf(HasSubstr("<code>def &lt;main&gt;(</code>"), HasSubstr("e e e &lt;/td&gt;e"),
                    HasSubstr("self):\n    return 1 &amp; 2")));
  const std::size_t before = part.find("e e e", part.find(">60<"));
  const std::size_t mark = part.find("class=\"switch\"");
  EXPECT_LT(part.find(">40<"), mark);
  EXPECT_LT(mark, part.find(">80<"));
  EXPECT_LT(before, mark);
}

TEST_F(TaskScores, WithoutThemThereIsNothingToSay) {
  add("baseline", 1, 1.2);
  add("tst", 1, 1.1);
  const std::string html = html_page(analyze(experiment_), "");
  EXPECT_THAT(html, Not(HasSubstr("id=\"tasks\"")));
  EXPECT_THAT(html, Not(HasSubstr("id=\"samples\"")));
}

}  // namespace
}  // namespace superpose::report
