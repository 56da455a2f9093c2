// The parts of the page: terms, contents, what is folded.
#include "report/page/page.h"

#include <gmock/gmock.h>

#include <set>

#include "report/page/parts.h"
#include "report/page/terms.h"
#include "report/words/many_arms.h"
#include "report/words/words.h"
#include "report_fixture.h"
#include "support/names.h"

namespace superpose::report {
namespace {

using test::names;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Terms, AreExplainedOnceWhereTheyStand) {
  std::set<std::string> told;
  EXPECT_THAT(explain_terms("<p>Two arms</p>", told), HasSubstr("<dt>arm</dt>"));
  EXPECT_EQ(explain_terms("<p>An arm</p><pre>--only seed=1</pre>", told), "");
  EXPECT_THAT(explain_terms("losses on <b>half B</b>", told), HasSubstr("half A, half B"));
}

TEST(Terms, AreWholeWordsOfTheTextNotOfTheMarkup) {
  std::set<std::string> told;
  EXPECT_EQ(
      explain_terms("<p class=\"bag\" id=\"seed\">farms tst-bag_size-4 warm budgetary</p>", told),
      "");
}

TEST(Sections, AFoldedSectionIsOpenedByItsHeading) {
  std::set<std::string> told;
  const Section section = {"a", "Title & more", "", "<p>body</p>", "", true};
  EXPECT_THAT(section_html(section, told), names("<section id=\"a\">", "<details",
                                                 "<summary><h2>Title &amp; more</h2></summary>"));
  EXPECT_THAT(contents_html({section}), HasSubstr("href=\"#a\""));
}

class ManyArms : public ReportTest {
 protected:
  ManyArms() {
    experiment_.arms = {"baseline"};
    for (const std::int64_t seed : {1, 2, 3})
      add("baseline", seed, 1.30 + 0.001 * static_cast<double>(seed));
    for (const char* arm : {"a", "b", "c", "d", "e"}) {
      experiment_.arms.emplace_back(arm);
      const double loss = arm[0] == 'a' ? 1.20 : arm[0] == 'e' ? 1.40 : 1.25;
      for (const std::int64_t seed : {1, 2, 3})
        add(arm, seed, loss + 0.001 * static_cast<double>(seed));
    }
  }
};

TEST_F(ManyArms, AreToldInOneParagraph) {
  const Analysis analysis = analyze(experiment_);
  const std::string text = many_arms_paragraph(analysis);
  EXPECT_THAT(text, names("5 arms", "4 ahead", "1 behind", "a", "0.1000 ahead", "0.1000 behind",
                          "best of 5"));
  EXPECT_THAT(put_in_words(analysis).opening, testing::ElementsAre(text));
}

TEST_F(ManyArms, FoldWhatDoesNotRankThem) {
  const std::string page = html_page(analyze(experiment_), "");
  const std::size_t fold = page.find("<details class=\"fold\">");
  ASSERT_NE(fold, std::string::npos);
  for (const char* open : {"id=\"ranking\"", "id=\"curves\""}) EXPECT_LT(page.find(open), fold);
  for (const char* folded : {"id=\"words\"", "id=\"outcomes\"", "id=\"runs\"", "id=\"machine\""}) {
    EXPECT_THAT(page, HasSubstr(std::string(folded) + "><details class=\"fold\">"));
  }
}

TEST_F(ManyArms, FewAreNotFolded) {
  experiment_.arms = {"baseline", "a"};
  std::erase_if(experiment_.runs,
                [](const RunEntry& run) { return run.arm != "baseline" && run.arm != "a"; });
  EXPECT_THAT(html_page(analyze(experiment_), ""), Not(HasSubstr("<details class=\"fold\">")));
}

TEST_F(ReportTest, ThePageOfARunHasItsPartsAndCallsItNoArm) {
  test::SyntheticRun run = small_run("tst", 7, 1.25);
  run.bag_size = 4;
  run.num_documents = 60;
  run.has_scalars = run.has_tasks = run.routers = run.two_sets = true;
  run.copies_from = 100;
  const RunEntry entry = test::add_synthetic_run(folder_.path(), run, Role::kFinal);
  const std::string page = html_page(analyze(experiment_of_run(folder_.path() / entry.folder)), "");
  for (const char* id : {"curves", "context", "tasks", "samples", "bag", "router", "steps", "sets",
                         "speed", "time", "corpus", "machine"}) {
    EXPECT_THAT(page, HasSubstr("<section id=\"" + std::string(id) + "\">"));
  }
  const std::size_t body = page.find("<main>");
  const std::string seen = page.substr(body, page.find("<script", body) - body);
  for (const char* word : {">Arm<", " arm ", " arm&#39;s", "the arms", "baseline"}) {
    EXPECT_THAT(seen, Not(HasSubstr(word)));
  }
}

}  // namespace
}  // namespace superpose::report
