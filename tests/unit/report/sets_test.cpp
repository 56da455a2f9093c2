#include "report/sets.h"

#include <gmock/gmock.h>

#include <cmath>
#include <string>

#include "metrics/reader.h"
#include "report/export.h"
#include "report/page/page.h"
#include "report/words/words.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::report {
namespace {

using test::names;
using testing::HasSubstr;
using testing::Not;

class Sets : public ReportTest {
 protected:
  void add_two_sets(const std::string& arm, std::int64_t seed, double final_loss) {
    test::SyntheticRun run = small_run(arm, seed, final_loss);
    run.two_sets = true;
    add(run);
  }
};

TEST_F(Sets, EachHasItsScoresAndPairedGain) {
  add_two_sets("baseline", 1, 1.2);
  add_two_sets("baseline", 2, 1.5);
  add_two_sets("tst", 2, 1.2);
  add_two_sets("tst", 3, 0.9);
  const Analysis analysis = analyze(experiment_);
  ASSERT_EQ(analysis.sets.size(), 2U);
  const SetSummary& code = analysis.sets[1];
  EXPECT_EQ(analysis.sets[0].name, "books");
  EXPECT_EQ(code.name, "code");
  ASSERT_EQ(code.arms.size(), 2U);
  EXPECT_EQ(code.arms[0].arm, "baseline");
  EXPECT_FALSE(code.arms[0].gain.has_value());
  // On code the loss is 0.6 and a third of what it is on books.
  const double base = 0.6 + (1.2 + 1.5) / 2 / 3;
  EXPECT_NEAR(code.arms[0].loss, base, 1e-12);
  EXPECT_NEAR(code.arms[0].perplexity, std::exp(base), 1e-12);
  EXPECT_NEAR(*code.arms[0].bits_per_byte, base / std::log(2.0), 1e-12);
  ASSERT_TRUE(code.arms[1].gain.has_value());
  EXPECT_EQ(code.arms[1].gain->count, 1) << "seed 2 alone has both";
  EXPECT_NEAR(code.arms[1].gain->mean, 0.1, 1e-12);
  EXPECT_EQ(code.arms[1].seeds, 2);
}

TEST_F(Sets, RunsThatAreNotFinishedOrNameNoneTakeNoPart) {
  add_two_sets("baseline", 1, 1.2);
  add("tst", 1, 1.1);
  test::SyntheticRun running = small_run("tst", 2, 1.1);
  running.two_sets = true;
  running.finished = false;
  add(running);
  const Analysis analysis = analyze(experiment_);
  ASSERT_EQ(analysis.sets.size(), 2U);
  EXPECT_EQ(analysis.sets[0].arms.size(), 1U);
}

TEST_F(Sets, AreOnThePageInTheWordsAndInTheTables) {
  for (const std::int64_t seed : {1, 2, 3}) {
    add_two_sets("baseline", seed, 1.3 + 0.01 * static_cast<double>(seed));
    add_two_sets("tst", seed, 1.0 + 0.01 * static_cast<double>(seed));
  }
  const Analysis analysis = analyze(experiment_);
  EXPECT_THAT(html_page(analysis, ""), HasSubstr("Validation sets"));
  EXPECT_THAT(in_words(analysis),
              names("books", "code, tst", "0.1000 ahead", "0.1000 to 0.1000 ahead", "3 seeds"));
  const util::Json json = util::parse_json(report_json(analysis), "report.json");
  EXPECT_EQ(json["sets"][1]["name"], "code");
  EXPECT_EQ(json["sets"][1]["arms"][1]["gain"]["seeds"], 3);
  EXPECT_EQ(json["runs"][0]["sets"][0]["name"], "books");

  // A table of one run reads back as that run's records.
  const std::string csv = curves_csv(analysis);
  EXPECT_THAT(csv, HasSubstr(",loss/books,loss_half_a/books,loss_half_b/books,perplexity/books,"
                             "bits_per_byte/books,loss/code,"));
  const std::string path = folder_ / "one.csv";
  std::string rows =
      "switch_step,bag_size,flops_per_position,recipe_fingerprint,data_fingerprint,"
      "validation_fingerprint," +
      csv.substr(0, csv.find('\n') + 1);
  for (std::size_t at = csv.find('\n') + 1, row = 0; row < 11; ++row) {
    const std::size_t end = csv.find('\n', at) + 1;
    rows += "0,1,1,r,d,v," + csv.substr(at, end - at);
    at = end;
  }
  util::write_file_atomic(path, rows);
  const metrics::RunRecords back = metrics::read_csv(path);
  ASSERT_EQ(back.validations.size(), 11U);
  ASSERT_EQ(back.validations.back().sets.size(), 2U);
  EXPECT_EQ(back.validations.back().sets[1].loss,
            find_set(analysis.runs[0].records.validations.back(), "code")->loss);
}

TEST_F(Sets, WithoutNamesThereIsNothingToSay) {
  add("baseline", 1, 1.2);
  add("tst", 1, 1.1);
  const Analysis analysis = analyze(experiment_);
  EXPECT_TRUE(analysis.sets.empty());
  EXPECT_THAT(html_page(analysis, ""), Not(HasSubstr("Validation sets")));
  EXPECT_THAT(in_words(analysis), Not(HasSubstr("figures above")));
  EXPECT_THAT(curves_csv(analysis), Not(HasSubstr("loss/")));
}

}  // namespace
}  // namespace superpose::report
