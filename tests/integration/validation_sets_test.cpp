// Named validation sets and documents that are kept apart, in whole runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "metrics/reader.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "support/tiny_run.h"
#include "util/files.h"

namespace superpose::test {
namespace {

using test::names;
using ::testing::ElementsAre;

class ValidationSets : public ::testing::Test {
 protected:
  ValidationSets() { write_tiny_corpus(folder_.path()); }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  // "own" is the held-out folder; "rest" is drawn from the corpus by its share.
  train::RunConfig config(const std::string& name) const {
    train::RunConfig config = tiny_config(folder_.path(), name);
    config.data.validation = {};
    config.data.validation_share = 0.1;
    config.validation = {{.name = "own", .sources = {path("held-out")}}, {.name = "rest"}};
    return config;
  }
  static train::Plan plan(const train::RunConfig& config) {
    distributed::LocalCollective collective;
    return train::plan_run(make_spec(config), collective);
  }
  static std::vector<metrics::ValidationRecord> validations(const train::RunConfig& config) {
    return metrics::read_run(config.run.dir).validations;
  }
  static std::string error_of(const train::RunConfig& config) {
    return test::error_of([&] { run_alone(config); });
  }

  TempDir folder_;
};

// Equal to the bit, but for the time they took.
void expect_equal(const std::vector<metrics::ValidationRecord>& a,
                  const std::vector<metrics::ValidationRecord>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].step, b[i].step);
    ASSERT_EQ(a[i].sets.size(), b[i].sets.size());
    for (std::size_t set = 0; set < a[i].sets.size(); ++set) {
      EXPECT_EQ(a[i].sets[set].name, b[i].sets[set].name);
      EXPECT_EQ(a[i].sets[set].loss, b[i].sets[set].loss);
      EXPECT_EQ(a[i].sets[set].loss_half_a, b[i].sets[set].loss_half_a);
      EXPECT_EQ(a[i].sets[set].loss_half_b, b[i].sets[set].loss_half_b);
      EXPECT_EQ(a[i].sets[set].bits_per_byte, b[i].sets[set].bits_per_byte);
    }
  }
}

TEST_F(ValidationSets, AreScoredByNameAndTheFirstIsPrimary) {
  const train::RunConfig both = config("both");
  run_alone(both);
  train::RunConfig reversed = config("reversed");
  std::swap(reversed.validation[0], reversed.validation[1]);
  run_alone(reversed);
  const auto records = validations(both);
  const auto others = validations(reversed);
  ASSERT_EQ(records.size(), 3U);  // before, after 10 and after 20 steps
  ASSERT_EQ(others.size(), 3U);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto& sets = records[i].sets;
    ASSERT_EQ(sets.size(), 2U);
    EXPECT_EQ(sets[0].name, "own");
    EXPECT_EQ(sets[1].name, "rest");
    EXPECT_EQ(records[i].loss, sets[0].loss);
    EXPECT_EQ(records[i].loss_half_b, sets[0].loss_half_b);
    EXPECT_EQ(records[i].bits_per_byte, sets[0].bits_per_byte);
    EXPECT_NE(sets[0].loss, sets[1].loss);
    EXPECT_EQ(others[i].loss, sets[1].loss) << "the same model, the other set is primary";
    EXPECT_EQ(others[i].sets[1].loss, sets[0].loss);
    EXPECT_TRUE(sets[1].bits_per_byte.has_value());
  }
}

TEST_F(ValidationSets, TrainingDocumentsWithTheirContentAreLeftOut) {
  const std::string copied = util::read_file(path("held-out/3.txt"));
  util::write_file_atomic(path("corpus/copy.txt"), copied);
  const train::Plan with_copy = plan(config("copy"));
  EXPECT_EQ(with_copy.left_out_documents, 1);
  // Where the file alone is gone, what was prepared of it would be read.
  std::filesystem::remove(path("corpus/copy.txt"));
  train::RunConfig prepared_again = config("no-copy");
  prepared_again.data.cache_dir = path("another-cache");
  const train::Plan without = plan(prepared_again);
  EXPECT_EQ(without.left_out_documents, 0);
  EXPECT_EQ(with_copy.raw_tokens_at_hand, without.raw_tokens_at_hand);
}

TEST_F(ValidationSets, WhereNoneIsHeldOutAllTextIsTrainedOn) {
  train::RunConfig recipe = config("own-only");
  const std::int64_t with_share = plan(recipe).raw_tokens_at_hand;
  recipe.validation.pop_back();
  const train::Plan result = plan(recipe);
  EXPECT_EQ(result.held_out_share, 0);
  EXPECT_GT(result.raw_tokens_at_hand, with_share);
  ASSERT_EQ(result.validation.size(), 1U);
  EXPECT_EQ(result.validation[0].documents, 12);
  EXPECT_EQ(result.validation[0].windows, 16);
}

// Windows that a run scores, of all sets, in forward passes of whole rows.
double scored_windows(double flops, const train::Plan& plan) {
  return flops / (plan.flops_per_position / 3) / static_cast<double>(plan.sequence_length);
}

TEST_F(ValidationSets, ThePlanCountsWhatTheRunScores) {
  for (const std::int64_t every : {0, 7, 10}) {
    train::RunConfig recipe = config("counted-" + std::to_string(every));
    recipe.evaluation.every = every;
    const train::Plan planned = plan(recipe);
    run_alone(recipe);
    std::int64_t windows = 0;
    std::int64_t final_windows = 0;
    const metrics::RunRecords records = metrics::read_run(recipe.run.dir);
    for (const train::PlannedSet& set : planned.validation) {
      windows += std::ssize(records.validations) * set.windows;
      final_windows += set.final_windows;
    }
    ASSERT_TRUE(records.final_scores.has_value());
    for (const metrics::FinalScore& score : records.final_scores->sets) {
      final_windows -= score.windows;
    }
    EXPECT_EQ(final_windows, 0);
    EXPECT_NEAR(scored_windows(planned.validation_flops, planned), static_cast<double>(windows),
                1e-6)
        << every;
    EXPECT_GT(planned.final_score_flops, 0);
    recipe.run.dir += "-stopped";
    train::RunSpec stopped = make_spec(recipe);
    stopped.stop_after_step = 15;
    distributed::LocalCollective collective;
    EXPECT_EQ(train::plan_run(stopped, collective).final_score_flops, 0)
        << "no end, no final scores";
  }
}

TEST_F(ValidationSets, WhatIsWrongNamesTheSet) {
  train::RunConfig missing = config("missing");
  missing.validation[0].sources = {path("nowhere")};
  EXPECT_THAT(error_of(missing), names("validation set own"));
  train::RunConfig small = config("small");
  util::write_file_atomic(path("small.txt"), "few");
  small.validation[0].sources = {path("small.txt")};
  EXPECT_THAT(error_of(small), names("validation set own", "17", "4"));
}

class ResumedSets : public ValidationSets, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutResets, ResumedSets, ::testing::Bool());

TEST_P(ResumedSets, GoOnWithTheSameBits) {
  const auto recipe = [&](const std::string& name) {
    train::RunConfig made = config(name);
    made.evaluation.every = 4;
    made.data.document_aware = GetParam();
    made.data.reset_attention = GetParam();
    made.data.reset_positions = GetParam();
    return made;
  };
  const train::RunConfig whole = recipe("whole");
  run_alone(whole);
  for (const std::int64_t stop : {5, 9}) {  // in the superposed phase and behind it
    const train::RunConfig config = recipe("stopped-" + std::to_string(stop));
    train::RunSpec spec = make_spec(config);
    spec.on_step = [stop](const train::StepReport& report) {
      if (report.step == stop - 1) ::raise(SIGTERM);
    };
    EXPECT_EQ(run_alone(spec).status, train::RunStatus::kStoppedBySignal);
    EXPECT_EQ(run_alone(config).status, train::RunStatus::kFinished);
    EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)), fingerprint_of(checkpoint_of(whole, 20)));
    EXPECT_EQ(losses_of(config.run.dir), losses_of(whole.run.dir));
    expect_equal(validations(config), validations(whole));
  }
}

TEST_F(ValidationSets, ResetsChangeWhatIsTrainedAndNotWhatIsRead) {
  train::RunConfig plain = config("plain");
  plain.data.document_aware = true;
  train::RunConfig resetting = config("resetting");
  resetting.data.document_aware = true;
  resetting.data.reset_attention = true;
  resetting.data.reset_positions = true;
  run_alone(plain);
  run_alone(resetting);
  const Fingerprint a = fingerprint_of(checkpoint_of(plain, 20));
  const Fingerprint b = fingerprint_of(checkpoint_of(resetting, 20));
  EXPECT_EQ(a.ids_hash, b.ids_hash);
  EXPECT_EQ(a.consumed, b.consumed);
  EXPECT_NE(a.model, b.model);
  train::RunConfig impossible = config("impossible");
  impossible.data.reset_positions = true;
  EXPECT_THAT(error_of(impossible), names("data.reset_positions", "data.document_aware"));
}

TEST_F(ValidationSets, ChangedTextIsAnErrorAtAResume) {
  const train::RunConfig recipe = config("changed");
  train::RunSpec spec = make_spec(recipe);
  spec.stop_after_step = 4;
  run_alone(spec);
  util::write_file_atomic(path("held-out/3.txt"), "another text in the place of the old one");
  EXPECT_THAT(error_of(recipe), names("validation sets", "same"));
}

}  // namespace
}  // namespace superpose::test
