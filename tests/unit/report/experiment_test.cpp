#include "report/experiment.h"

#include <gmock/gmock.h>

#include <fstream>

#include "report_fixture.h"
#include "support/error_of.h"
#include "support/names.h"

namespace superpose::report {
namespace {

using test::error_of;
using test::names;
using testing::ElementsAre;
using testing::HasSubstr;

using ExperimentFile = ReportTest;

TEST_F(ExperimentFile, ComesBackAsItWasWritten) {
  experiment_.title = "a \"title\"";
  experiment_.tuning_seed = 7;
  experiment_.learning_rates = {0.001, 0.003};
  experiment_.recipe_name = "r.toml";
  experiment_.recipe_text = "[train]\nsteps = 1\n";
  experiment_.commands = {"superpose compare r.toml"};
  experiment_.notes = {"a note"};
  experiment_.runs = {{"tst", 2, 0.003, 0.5, Role::kBranch, "tst-2", "trunk", 90},
                      {"baseline", 7, 0.001, 1, Role::kTuning, "/elsewhere/b", "", 0}};
  experiment_.noise = {{"tst", 0.003, 6, "demo.toml"}};
  experiment_.pairs = {{"tst", "00ff00ff00ff00ff"}};
  experiment_.grid = {{"phases.bag_size"}, {{"tst", {"4"}}}};
  write_experiment(util::OutputFolder(folder_.path()), experiment_);
  const Experiment back = read_experiment(folder_.path());
  EXPECT_EQ(back.title, experiment_.title);
  EXPECT_EQ(back.arms, experiment_.arms);
  EXPECT_EQ(back.tuning_seed, 7);
  EXPECT_EQ(back.learning_rates, experiment_.learning_rates);
  EXPECT_EQ(back.recipe_text, experiment_.recipe_text);
  EXPECT_EQ(back.recipe_fingerprint, "recipe-1");
  EXPECT_EQ(back.commands, experiment_.commands);
  EXPECT_EQ(back.notes, experiment_.notes);
  ASSERT_EQ(back.runs.size(), 2U);
  EXPECT_EQ(back.runs[0].folder, (folder_.path() / "tst-2").string());
  EXPECT_EQ(back.runs[0].parent, (folder_.path() / "trunk").string());
  EXPECT_EQ(back.runs[0].parent_step, 90);
  EXPECT_EQ(back.runs[0].role, Role::kBranch);
  EXPECT_EQ(back.runs[1].folder, "/elsewhere/b");
  EXPECT_TRUE(back.one_recipe);
  EXPECT_EQ(back.noise.at(0).spread, 0.003);
  EXPECT_EQ(back.noise.at(0).seeds, 6);
  EXPECT_EQ(back.noise.at(0).source, "demo.toml");
  EXPECT_EQ(back.pairs.at(0).settings, "00ff00ff00ff00ff");
  EXPECT_EQ(back.grid.keys, std::vector<std::string>{"phases.bag_size"});
  EXPECT_EQ(back.grid.arms.at(0).values, std::vector<std::string>{"4"});
}

TEST_F(ExperimentFile, ErrorsNameFileAndField) {
  const auto read = [&](const std::string& text) {
    std::ofstream(folder_ / "experiment.json") << text;
    return error_of([&] { read_experiment(folder_.path()); });
  };
  EXPECT_THAT(read("{"), names("experiment.json", "valid JSON"));
  EXPECT_THAT(read(R"({"baseline":"b"})"), names("experiment.json", "missing", "'schema'"));
  EXPECT_THAT(read(R"({"schema":2})"), names("schema", "1", "2"));
  EXPECT_THAT(read(R"({"schema":1,"baseline":3})"), names("'baseline'", "text", "3"));
  EXPECT_THAT(
      read(
          R"({"schema":1,"baseline":"b","arms":["b"],"recipe_fingerprint":"r","runs":[{"arm":"b"}]})"),
      names("runs[0]", "missing", "'seed'"));
  EXPECT_THAT(read(R"({"schema":1,"baseline":"b","arms":["b"],"recipe_fingerprint":"r",
                       "runs":[{"arm":"b","seed":1,"learning_rate":1,"budget":1,"role":"x","folder":"f"}]})"),
              names("'role'", "trunk", "branch", "final", "tuning", "\"x\""));
}

TEST_F(ExperimentFile, PartsAreMergedAndEachRunIsTakenFromWhereItFinished) {
  const std::filesystem::path one = folder_ / "one";
  const std::filesystem::path two = folder_ / "two";
  experiment_.runs = {test::add_synthetic_run(one, small_run("baseline", 1, 1.1), Role::kFinal),
                      test::add_synthetic_run(two, small_run("tst", 1, 1.0), Role::kFinal)};
  experiment_.commands = {"--only arm=baseline"};
  write_experiment(util::OutputFolder(one), experiment_);
  experiment_.commands = {"--only arm=tst"};
  experiment_.noise = {{"tst", 0.003, 6, ""}};
  experiment_.pairs = {{"tst", "00ff00ff00ff00ff"}};
  write_experiment(util::OutputFolder(two), experiment_);
  const Experiment merged = merge_experiments({one, two});
  ASSERT_EQ(merged.runs.size(), 2U);
  EXPECT_THAT(merged.runs[0].folder, HasSubstr("/one/"));
  EXPECT_THAT(merged.runs[1].folder, HasSubstr("/two/"));
  EXPECT_THAT(merged.commands, ElementsAre("--only arm=baseline", "--only arm=tst"));
  EXPECT_EQ(merged.noise.size(), 1U);
  EXPECT_EQ(merged.pairs.size(), 1U);
  EXPECT_EQ(merge_experiments({two, two}).noise.size(), 1U);
  EXPECT_EQ(analyze(merged).comparisons.at(0).equal_flops.seeds.size(), 1U);
}

TEST_F(ExperimentFile, PartsInWhichAnArmIsAnotherAreRefused) {
  const std::filesystem::path one = folder_ / "one";
  const std::filesystem::path two = folder_ / "two";
  experiment_.arm_definitions = {{"x", "00ff00ff00ff00ff"}};
  write_experiment(util::OutputFolder(one), experiment_);
  experiment_.arm_definitions = {{"x", "1122334455667788"}};
  write_experiment(util::OutputFolder(two), experiment_);
  EXPECT_THAT(error_of([&] { merge_experiments({one, two}); }), HasSubstr("arm x"));
  experiment_.arm_definitions = {};
  experiment_.pairs = {{"x", "00ff00ff00ff00ff"}};
  write_experiment(util::OutputFolder(one), experiment_);
  experiment_.pairs = {{"x", "1122334455667788"}};
  write_experiment(util::OutputFolder(two), experiment_);
  EXPECT_THAT(error_of([&] { merge_experiments({one, two}); }), HasSubstr("arm x"));
}

TEST_F(ExperimentFile, RatesThatOnePartSearchedCountForAll) {
  const std::filesystem::path one = folder_ / "one";
  const std::filesystem::path two = folder_ / "two";
  experiment_.tuning_seed = 9;
  experiment_.learning_rates = {0.1, 0.2};
  write_experiment(util::OutputFolder(one), experiment_);
  experiment_.tuning_seed.reset();
  experiment_.learning_rates = {};
  write_experiment(util::OutputFolder(two), experiment_);
  EXPECT_EQ(merge_experiments({one, two}).tuning_seed, 9);
  EXPECT_EQ(merge_experiments({two, one}).tuning_seed, 9);
}

// Both parts have run tst, one as a run of its own and one as a branch, from which wide branched.
TEST_F(ExperimentFile, ARunThatIsLeftOutStaysWhereOthersBranchedFromIt) {
  const std::filesystem::path one = folder_ / "one";
  const std::filesystem::path two = folder_ / "two";
  experiment_.runs = {test::add_synthetic_run(one, small_run("tst", 1, 1.0), Role::kFinal)};
  write_experiment(util::OutputFolder(one), experiment_);
  RunEntry tst = test::add_synthetic_run(two, small_run("tst", 1, 1.0), Role::kBranch);
  tst.parent = "elsewhere";
  tst.parent_step = 60;
  RunEntry wide = test::add_synthetic_run(two, small_run("wide", 1, 1.0), Role::kBranch);
  wide.parent = tst.folder;
  wide.parent_step = 80;
  experiment_.runs = {tst, wide};
  experiment_.pairs = {{"wide", "0123456789abcdef"}};
  write_experiment(util::OutputFolder(two), experiment_);
  const Experiment merged = merge_experiments({one, two});
  ASSERT_EQ(merged.runs.size(), 3U);
  EXPECT_EQ(merged.runs[0].role, Role::kFinal);
  EXPECT_THAT(merged.runs[0].folder, HasSubstr("/one/"));
  EXPECT_EQ(merged.runs[1].role, Role::kTrunk);
  EXPECT_EQ(merged.runs[1].folder, merged.runs[2].parent);
  EXPECT_EQ(merged.runs[1].parent_step, 60);
  EXPECT_EQ(merged.runs[2].arm, "wide");
  EXPECT_EQ(merged.pairs.at(0).arm, "wide");
}

// Each part lists all runs and has the folders of its own alone.
TEST_F(ExperimentFile, ARunThatAPartOnlyPlannedIsNotMissed) {
  const std::filesystem::path one = folder_ / "one";
  const std::filesystem::path two = folder_ / "two";
  RunEntry trunk = test::add_synthetic_run(two, small_run("tst", 2, 1.0), Role::kFinal);
  RunEntry branch = test::add_synthetic_run(two, small_run("wide", 2, 1.0), Role::kBranch);
  branch.parent = trunk.folder;
  branch.parent_step = 60;
  experiment_.runs = {trunk, branch};
  write_experiment(util::OutputFolder(one), experiment_);
  write_experiment(util::OutputFolder(two), experiment_);
  const Experiment merged = merge_experiments({one, two});
  ASSERT_EQ(merged.runs.size(), 2U);
  EXPECT_THAT(merged.runs[0].folder, HasSubstr("/two/"));
  EXPECT_THAT(merged.runs[1].folder, HasSubstr("/two/"));
}

TEST_F(ExperimentFile, WhatLaterVersionsAddedReadsBack) {
  experiment_.noise = {{"tst", 0.002, 8, "eight seeds"}};
  experiment_.pairs = {{"tst", "0123456789abcdef"}};
  experiment_.grid = {{"optim.eps"}, {{"tst", {"1e-9"}}}};
  experiment_.fingerprint_arms = {"baseline"};
  write_experiment(util::OutputFolder(folder_.path()), experiment_);
  const Experiment back = read_experiment(folder_.path());
  EXPECT_EQ(back.noise.at(0).spread, 0.002);
  EXPECT_EQ(back.noise.at(0).seeds, 8);
  EXPECT_EQ(back.noise.at(0).source, "eight seeds");
  EXPECT_EQ(back.pairs.at(0).settings, "0123456789abcdef");
  EXPECT_THAT(back.grid.keys, ElementsAre("optim.eps"));
  EXPECT_THAT(back.grid.arms.at(0).values, ElementsAre("1e-9"));
  EXPECT_THAT(back.fingerprint_arms, ElementsAre("baseline"));
}

TEST_F(ExperimentFile, PartsOfOtherRecipesAreRefused) {
  write_experiment(util::OutputFolder(folder_.path()), experiment_);
  std::filesystem::create_directory(folder_ / "other");
  experiment_.recipe_fingerprint = "recipe-2";
  write_experiment(util::OutputFolder(folder_ / "other"), experiment_);
  EXPECT_THAT(error_of([&] {
                merge_experiments({folder_.path(), folder_ / "other"});
              }),
              names("recipe fingerprint", "recipe-1"));
}

TEST_F(ExperimentFile, ArmsOfAnyTrainerGiveTheSameFigures) {
  test::write_synthetic_run(folder_ / "b", small_run("", 3, 1.1));
  std::ofstream(folder_ / "t.csv")
      << "seed,flops_per_position,recipe_fingerprint,data_fingerprint,validation_fingerprint,"
         "switch_step,bag_size,"
         "step,positions,raw_tokens,seconds,loss\n"
         "3,3.5e6,x,data-1,validation-1,60,4,100,409600,1146880,4,1.4\n"
         "3,3.5e6,x,data-1,validation-1,60,4,200,819200,1556480,9,1.05\n";
  const Experiment experiment =
      experiment_from_arms({{"base", {folder_ / "b"}}, {"mine", {folder_ / "t.csv"}}});
  EXPECT_EQ(experiment.baseline, "base");
  const Analysis analysis = analyze(experiment);
  const GainOutcome& gain = analysis.comparisons.at(0).equal_flops;
  ASSERT_EQ(gain.seeds.size(), 1U);
  EXPECT_NEAR(gain.seeds[0].gain, 0.05, 1e-12);
  EXPECT_EQ(gain.seeds[0].match, Match::kEqual);
}

// The same seed with other kernels or threads differs by rounding alone: as a second seed it would
// make an interval that says nothing of luck.
TEST_F(ExperimentFile, SameSeedOnOtherKernelsIsNoSecondSeed) {
  const auto write = [&](const char* name, const char* arm, const char* isa) {
    test::SyntheticRun run = small_run(arm, 1, 1.0);
    run.isa = isa;
    test::write_synthetic_run(folder_ / name, run);
    return folder_ / name;
  };
  const auto base = write("base", "baseline", "avx512");
  const auto avx512 = write("avx512", "tst", "avx512");
  const auto avx2 = write("avx2", "tst", "avx2 (forced)");
  const Experiment twins = experiment_from_arms({{"base", {base}}, {"mine", {avx512, avx2}}});
  EXPECT_THAT(error_of([&] { analyze(twins); }), names("seed", "budget", "one run"));
}

TEST_F(ExperimentFile, ArmsMustBeNamedApart) {
  test::write_synthetic_run(folder_ / "b", small_run("", 3, 1.1));
  EXPECT_THAT(error_of([&] {
                experiment_from_arms({{"a", {folder_ / "b"}}});
              }),
              names("twice", "1"));
  EXPECT_THAT(error_of([&] {
                experiment_from_arms({{"a", {folder_ / "b"}}, {"a", {folder_ / "b"}}});
              }),
              names("--arm", "name"));
  EXPECT_THAT(error_of([&] {
                experiment_from_arms({{"a", {folder_ / "b"}}, {"c", {}}});
              }),
              HasSubstr("got none"));
}

}  // namespace
}  // namespace superpose::report
