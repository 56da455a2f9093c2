#include "report/context.h"

#include <gmock/gmock.h>

#include "report/export.h"
#include "report/load.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/json.h"

namespace superpose::report {
namespace {

using test::names;
using testing::HasSubstr;
using testing::Not;

class ContextTest : public ReportTest {
 protected:
  // Validated every 20 of 200 steps; the rate decays from step 160 on.
  void add_copying(const std::string& arm, std::int64_t seed, std::int64_t copies_from) {
    test::SyntheticRun run = small_run(arm, seed, 1.1);
    run.copies_from = copies_from;
    run.num_documents = 40;
    add(run);
  }
  ContextUse use_of_tst() const { return analyze(experiment_).arms.at(1).context; }
};

TEST_F(ContextTest, FirstCheckBelowIsNamedAndTheEnd) {
  add_copying("baseline", 1, 150);
  add_copying("tst", 1, 95);
  const ContextUse use = use_of_tst();
  ASSERT_EQ(use.seeds.size(), 1U);
  EXPECT_EQ(use.seeds[0].from_step, 100);
  EXPECT_DOUBLE_EQ(use.seeds[0].last.copying, -1.2);
  EXPECT_EQ(use.seeds[0].before_decay->step, 160);
  EXPECT_FALSE(was_late(use.seeds[0]));
  const Analysis analysis = analyze(experiment_);
  EXPECT_THAT(in_words(analysis), names("tst learned to copy", "step 100"));
  EXPECT_THAT(in_words(analysis), names("1.2000 nats better"));
  EXPECT_TRUE(analysis.warnings.empty());
  const util::Json arm = util::parse_json(report_json(analysis), "report.json")["arms"][1];
  EXPECT_EQ(arm["copying"][0]["from_step"], 100);
  EXPECT_EQ(arm["copying"][0]["last"], -1.2);
}

TEST_F(ContextTest, JumpInTheDecayIsWarnedOf) {
  add_copying("baseline", 1, 100);
  add_copying("tst", 1, 165);
  const ContextUse use = use_of_tst();
  EXPECT_EQ(use.seeds.at(0).from_step, 180);
  EXPECT_TRUE(was_late(use.seeds[0]));
  const std::vector<std::string> warnings = analyze(experiment_).warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("tst, seed 1 (step 160)"));
  EXPECT_THAT(warnings[0], testing::Not(HasSubstr("baseline")));
}

TEST_F(ContextTest, RunThatNeverCopies) {
  add_copying("baseline", 1, 100);
  add_copying("tst", 1, 400);
  EXPECT_FALSE(use_of_tst().seeds.at(0).from_step.has_value());
  EXPECT_THAT(in_words(analyze(experiment_)), names("tst did not learn"));
}

TEST_F(ContextTest, SeedsAreCounted) {
  for (const std::int64_t seed : {1, 2, 3}) {
    add_copying("baseline", seed, 100);
    add_copying("tst", seed, seed == 3 ? 400 : 60 * seed);
  }
  EXPECT_THAT(in_words(analyze(experiment_)),
              names("tst learned to copy", "2 of 3 seeds", "step 60 to 120"));
}

TEST_F(ContextTest, NothingIsSaidWithoutTheProbeNorWarnedOfWithoutTheDecay) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  EXPECT_TRUE(use_of_tst().seeds.empty());
  EXPECT_THAT(in_words(analyze(experiment_)), Not(HasSubstr("context")));
  metrics::RunHeader header;
  header.total_steps = 200;
  EXPECT_FALSE(decay_start_of(header).has_value());
  header.settings = {{"optim.schedule", "\"cosine\"", false}, {"optim.decay_share", "0.2", false}};
  EXPECT_FALSE(decay_start_of(header).has_value());
  header.settings[0].value = "\"wsd\"";
  EXPECT_EQ(decay_start_of(header), 160);
  header.settings[1].value = "0.1";
  EXPECT_EQ(decay_start_of(header), 180);
}

TEST_F(ContextTest, LossByPositionIsTheMeanOverSeeds) {
  for (const std::int64_t seed : {1, 2}) {
    for (const char* arm : {"baseline", "tst"}) {
      test::SyntheticRun run = small_run(arm, seed, seed == 1 ? 1.0 : 1.2);
      run.num_documents = 40;
      add(run);
    }
  }
  const ContextUse use = use_of_tst();
  ASSERT_EQ(use.by_position.size(), 9U);
  EXPECT_DOUBLE_EQ(use.by_position.front().loss, 2.7);
  EXPECT_EQ(use.by_position.back().first, 128);
  EXPECT_DOUBLE_EQ(use.by_position.back().loss, 1.1 + 1.6 / 129);
  EXPECT_THAT(in_words(analyze(experiment_)),
              testing::ContainsRegex("tst.*2\\.7000.*position 0.*1\\.1124.*128 to 255"));
}

}  // namespace
}  // namespace superpose::report
