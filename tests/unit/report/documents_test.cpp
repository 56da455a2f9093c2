#include "report/documents.h"

#include <gmock/gmock.h>

#include <cmath>

#include "report/export.h"
#include "report/words/verdict.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/json.h"

namespace superpose::report {
namespace {

using test::names;
using testing::HasSubstr;

class DocumentsTest : public ReportTest {
 protected:
  test::SyntheticRun scored_run(const std::string& arm, std::int64_t seed, double loss) const {
    test::SyntheticRun run = small_run(arm, seed, loss);
    run.num_documents = 100;
    return run;
  }
  DocumentError error() const {
    return analyze(experiment_).comparisons.at(0).equal_flops.documents;
  }
};

TEST(Bootstrap, AgreesWithTheNormalApproximationOfARatioOfSums) {
  std::vector<DocumentPair> documents;
  for (int i = 0; i < 400; ++i) {
    const double tokens = 50 + i % 7;
    documents.push_back({tokens * (0.02 + 0.1 * std::sin(i)), tokens});
  }
  double gain = 0;
  double tokens = 0;
  for (const DocumentPair& document : documents) {
    gain += document.gain;
    tokens += document.tokens;
  }
  const double ratio = gain / tokens;
  double squares = 0;  // linearized residuals
  for (const DocumentPair& document : documents) {
    squares += std::pow(document.gain - ratio * document.tokens, 2);
  }
  const double reach = 1.959964 * std::sqrt(squares) / tokens;
  const PercentileInterval interval = bootstrap_documents(documents);
  // 10,000 resamples leave about 3 % of the distance.
  EXPECT_NEAR(interval.low, ratio - reach, 0.05 * reach);
  EXPECT_NEAR(interval.high, ratio + reach, 0.05 * reach);
  EXPECT_EQ(bootstrap_documents(documents).low, interval.low);
}

TEST(Bootstrap, IsOfThePairedDifference) {
  // Documents differ a lot, the two arms by the same everywhere.
  const std::vector<DocumentPair> documents(50, DocumentPair{3, 60});
  EXPECT_DOUBLE_EQ(bootstrap_documents(documents).low, 0.05);
  EXPECT_DOUBLE_EQ(bootstrap_documents(documents).high, 0.05);
}

TEST_F(DocumentsTest, IntervalHoldsTheGainAndCountsDocuments) {
  add(scored_run("baseline", 1, 1.1));
  add(scored_run("tst", 1, 1.06));
  const DocumentError one = error();
  ASSERT_TRUE(one.low.has_value());
  EXPECT_EQ(one.count, 100);
  // Pairs lie 0.01 to both sides of the gain: a standard error of about 0.001.
  EXPECT_NEAR(*one.low, 0.04 - 0.00196, 3e-4);
  EXPECT_NEAR(*one.high, 0.04 + 0.00196, 3e-4);
  const util::Json json =
      util::parse_json(report_json(analyze(experiment_)), "report.json")["comparisons"][0];
  EXPECT_EQ(json["equal_flops"]["documents"]["count"], 100);
  EXPECT_EQ(json["equal_flops"]["documents"]["low"], *one.low);
  EXPECT_EQ(json["verdict"], "too_few_seeds");  // never read off the documents
}

TEST_F(DocumentsTest, SeedsAreAveragedFirst) {
  add(scored_run("baseline", 1, 1.1));
  add(scored_run("tst", 1, 1.06));
  const DocumentError one = error();
  add(scored_run("baseline", 2, 1.2));
  add(scored_run("tst", 2, 1.12));
  add(scored_run("baseline", 3, 1.2));  // unpaired
  const DocumentError two = error();
  EXPECT_NEAR(*two.low - *one.low, 0.02, 1e-9);  // gains 0.04 and 0.08, the same documents
  EXPECT_NEAR(*two.high - *one.high, 0.02, 1e-9);
}

TEST_F(DocumentsTest, FewDocumentsAreNotQuoted) {
  for (const std::int64_t count : {29, 30}) {
    experiment_.runs.clear();
    for (const char* arm : {"baseline", "tst"}) {
      test::SyntheticRun run = scored_run(arm, count, 1.1);
      run.num_documents = count;
      add(run);
    }
    EXPECT_EQ(error().low.has_value(), count == 30) << count;
    EXPECT_EQ(error().count, count);
  }
}

TEST_F(DocumentsTest, RecordsWithoutDocumentsAreNotQuoted) {
  add(scored_run("baseline", 1, 1.1));
  add("tst", 1, 1.06);
  EXPECT_FALSE(error().low.has_value());
  EXPECT_THAT(in_words(analyze(experiment_)), names("not given"));
}

TEST_F(DocumentsTest, HalfBIsNotQuoted) {
  experiment_.tuning_seed = 9;
  add(scored_run("baseline", 1, 1.1));
  add(scored_run("tst", 1, 1.06));
  EXPECT_FALSE(error().low.has_value());
  EXPECT_THAT(error().why_not, HasSubstr("half"));
}

TEST_F(DocumentsTest, OtherDocumentsAreNotPaired) {
  add(scored_run("baseline", 1, 1.1));
  test::SyntheticRun run = scored_run("tst", 1, 1.06);
  run.num_documents = 98;
  add(run);
  EXPECT_FALSE(error().low.has_value());
  EXPECT_THAT(error().why_not, HasSubstr("same tokens"));
}

}  // namespace
}  // namespace superpose::report
