// Whole comparisons in one process, in seconds: what is run, what is not run again, and what the
// report gets.
#include "experiment/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "checkpoint/checkpoint.h"
#include "metrics/reader.h"
#include "report/report.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/tiny_corpus_test.h"
#include "train/speed.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::test {
namespace {

namespace fs = std::filesystem;
using experiment::CompareOutcome;
using experiment::CompareStatus;
using experiment::Recipe;
using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

class Compare : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    util::write_file_atomic(*folder_ / "plotly.js", "var Plotly = {};");
  }

  // 20 steps of tiny_config in <folder>/runs/<name>, baseline and tst.
  static Recipe tiny_recipe(const std::string& name) {
    Recipe recipe;
    recipe.base = config(name);
    recipe.base.checkpoint.keep = 1;
    recipe.base.checkpoint.every = 0;
    return recipe;
  }

  CompareOutcome run(const Recipe& recipe, const std::string& only = "", bool dry_run = false) {
    experiment::CompareOptions options;
    options.only = only;
    options.dry_run = dry_run;
    options.recipe_name = "tiny.toml";
    options.commands = {"superpose compare tiny.toml"};
    options.plotly_script = *folder_ / "plotly.js";
    distributed::LocalCollective collective;
    std::ostringstream out;
    const CompareOutcome outcome = experiment::compare(recipe, options, collective, out);
    printed_ = out.str();
    return outcome;
  }
  std::string error_of(const Recipe& recipe, const std::string& only = "") {
    return test::error_of([&] { run(recipe, only); });
  }

  static fs::path run_folder(const Recipe& recipe, const std::string& run) {
    return fs::path(recipe.base.run.dir) / run;
  }
  static std::vector<std::string> finished_runs(const Recipe& recipe) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(recipe.base.run.dir)) {
      if (!entry.is_directory()) continue;
      if (metrics::read_run(entry.path()).summary) names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static fs::path checkpoint_at(const Recipe& recipe, const std::string& run, std::int64_t step) {
    return run_folder(recipe, run) / "checkpoints" / checkpoint::folder_name(step);
  }

  std::string printed_;
};

TEST_F(Compare, RunsBothArmsAndReports) {
  const Recipe recipe = tiny_recipe("default");
  const CompareOutcome outcome = run(recipe);
  EXPECT_EQ(outcome.status, CompareStatus::kFinished);
  EXPECT_EQ(outcome.runs, 2);
  EXPECT_EQ(outcome.runs_done_now, 2);
  EXPECT_THAT(finished_runs(recipe), ElementsAre("baseline-seed-1", "tst-seed-1"));
  EXPECT_THAT(printed_, HasSubstr("Run 2 of 2: tst seed 1, steps 0 to 20"));
  EXPECT_THAT(printed_, names("no rate"));
  EXPECT_THAT(outcome.text, Not(IsEmpty()));
  EXPECT_EQ(outcome.report, fs::path(recipe.base.run.dir) / "report.html");
  EXPECT_TRUE(fs::exists(outcome.report));

  const auto baseline = metrics::read_run(run_folder(recipe, "baseline-seed-1"));
  const auto superposed = metrics::read_run(run_folder(recipe, "tst-seed-1"));
  // Equal start, equal validation set, equal compute.
  EXPECT_EQ(baseline.validations.front().loss, superposed.validations.front().loss);
  EXPECT_EQ(baseline.header.fingerprints.validation, superposed.header.fingerprints.validation);
  EXPECT_EQ(baseline.summary->positions, superposed.summary->positions);
  EXPECT_EQ(baseline.summary->raw_tokens * (6 * 3 + 14) / 20, superposed.summary->raw_tokens);
}

TEST_F(Compare, RatesThatTheArmsCameWithAreNamed) {
  Recipe recipe = tiny_recipe("given-rates");
  recipe.compare.arms.resize(2);
  recipe.compare.arms[0].name = "baseline";
  recipe.compare.arms[0].overrides = {{"phases", "[]"}, {"optim.learning_rate", "0.004"}};
  recipe.compare.arms[1].name = "tst";
  recipe.compare.arms[1].overrides = {{"optim.learning_rate", "0.002"}};
  run(recipe, "", /*dry_run=*/true);
  EXPECT_THAT(printed_, HasSubstr("(baseline 0.004, tst 0.002)"));
}

TEST_F(Compare, FinishedRunsAreNotRunAgain) {
  Recipe recipe = tiny_recipe("again");
  run(recipe);
  const std::string records = util::read_file(run_folder(recipe, "tst-seed-1") / "metrics.jsonl");
  EXPECT_EQ(run(recipe).runs_done_now, 0);
  EXPECT_THAT(printed_, HasSubstr("done"));
  EXPECT_EQ(util::read_file(run_folder(recipe, "tst-seed-1") / "metrics.jsonl"), records);
  // Another seed, and only that is run; other threads are the same comparison.
  recipe.compare.seeds = {1, 2};
  recipe.base.log.every = 5;
  EXPECT_EQ(run(recipe).runs_done_now, 2);
  // A removed folder is.
  fs::remove_all(run_folder(recipe, "baseline-seed-2"));
  EXPECT_EQ(run(recipe).runs_done_now, 1);
}

TEST_F(Compare, FolderOfAnotherRecipeIsRefused) {
  Recipe recipe = tiny_recipe("other-recipe");
  run(recipe, "arm=tst");
  recipe.base.optim.learning_rate = 2e-2;
  EXPECT_THAT(error_of(recipe), names("another comparison"));
  fs::remove(fs::path(recipe.base.run.dir) / "experiment.json");
  EXPECT_THAT(error_of(recipe), names("tst-seed-1", "another comparison"));
}

TEST_F(Compare, DryRunListsAndLeavesNothing) {
  Recipe recipe = tiny_recipe("dry");
  recipe.base.train.steps = 40;
  recipe.compare.budgets = {0.5, 1.0};
  const CompareOutcome outcome = run(recipe, "", true);
  EXPECT_EQ(outcome.status, CompareStatus::kDryRun);
  EXPECT_EQ(outcome.runs, 4);
  EXPECT_THAT(printed_, HasSubstr("4 runs:"));
  EXPECT_THAT(printed_, HasSubstr("tst-seed-1-budget-0.5"));
  EXPECT_THAT(printed_, HasSubstr("branch"));
  EXPECT_THAT(printed_, HasSubstr(train::describe(train::Speed::Source::kSteps)));
  EXPECT_FALSE(fs::exists(recipe.base.run.dir));
}

// N = 40, d = 0.2, r = 0.3; budget 0.5 has 20 steps: the baseline decays from 16, whose step still
// has the full rate, superposition ends at 6.
TEST_F(Compare, BranchIsTheRunLaunchedDirectlyAtItsBudget) {
  Recipe recipe = tiny_recipe("budgets");
  recipe.base.train.steps = 40;
  recipe.compare.budgets = {0.5, 1.0};
  const CompareOutcome outcome = run(recipe);
  EXPECT_EQ(outcome.runs_done_now, 4);

  for (const bool superposed : {false, true}) {
    const std::string arm = superposed ? "tst" : "baseline";
    train::RunConfig direct = config("direct-" + arm);
    direct.train.steps = 20;
    direct.checkpoint.every = 0;
    if (!superposed) direct.phases.clear();
    run_alone(direct);
    const std::string branch = arm + "-seed-1-budget-0.5";
    EXPECT_EQ(fingerprint_of(checkpoint_at(recipe, branch, 20)),
              fingerprint_of(checkpoint_of(direct, 20)))
        << arm;

    const auto of_branch = metrics::read_run(run_folder(recipe, branch));
    const auto of_direct = metrics::read_run(direct.run.dir);
    EXPECT_EQ(of_branch.steps.front().step, superposed ? 7 : 18);
    EXPECT_EQ(of_branch.validations.back().loss, of_direct.validations.back().loss);
    EXPECT_EQ(of_branch.summary->positions, of_direct.summary->positions);
    EXPECT_EQ(of_branch.summary->raw_tokens, of_direct.summary->raw_tokens);
  }
  // Nothing needs the trunks' checkpoints any more; a call that finds all done gives them up.
  EXPECT_FALSE(fs::exists(checkpoint_at(recipe, "baseline-seed-1", 17)));
  EXPECT_FALSE(fs::exists(checkpoint_at(recipe, "tst-seed-1", 6)));
  EXPECT_TRUE(fs::exists(checkpoint_at(recipe, "baseline-seed-1", 40)));
  const report::Analysis analysis = report::analyze(report::read_experiment(recipe.base.run.dir));
  EXPECT_TRUE(analysis.has_budgets);
}

// Of two arms that differ in phases.share, and two that differ in optim.decay_share: the second of
// each begins in the first, and "early" in a branch.
TEST_F(Compare, BranchIsTheRunLaunchedDirectlyInAnotherArm) {
  Recipe recipe = tiny_recipe("across-arms");
  recipe.compare.arms = {
      {.name = "baseline", .overrides = {{"phases", "[]"}}, .budgets = {}},
      {.name = "tst", .overrides = {}, .budgets = {}},
      {.name = "short", .overrides = {{"phases[0].share", "0.2"}}, .budgets = {}},
      {.name = "early",
       .overrides = {{"phases[0].share", "0.2"}, {"optim.decay_share", "0.5"}},
       .budgets = {}}};
  EXPECT_EQ(run(recipe).runs_done_now, 4);

  train::RunConfig direct = config("direct-short");
  direct.checkpoint.every = 0;
  direct.phases[0].share = 0.2;
  run_alone(direct);
  train::RunConfig early = direct;
  early.run.dir = config("direct-early").run.dir;
  early.optim.decay_share = 0.5;
  run_alone(early);
  for (const auto& [arm, config] : {std::pair("short", direct), std::pair("early", early)}) {
    const std::string branch = std::string(arm) + "-seed-1";
    EXPECT_EQ(fingerprint_of(checkpoint_at(recipe, branch, 20)),
              fingerprint_of(checkpoint_of(config, 20)))
        << arm;
    const auto of_branch = metrics::read_run(run_folder(recipe, branch));
    const auto of_direct = metrics::read_run(config.run.dir);
    EXPECT_EQ(of_branch.steps.front().step, arm == std::string("short") ? 5 : 12);
    EXPECT_EQ(of_branch.validations.back().loss, of_direct.validations.back().loss);
    EXPECT_EQ(of_branch.summary->positions, of_direct.summary->positions);
    EXPECT_EQ(of_branch.summary->raw_tokens, of_direct.summary->raw_tokens);
  }
  // The report has the records of the whole chain.
  const report::Analysis analysis = report::analyze(report::read_experiment(recipe.base.run.dir));
  for (const report::Run& loaded : analysis.runs) {
    EXPECT_EQ(loaded.records.steps.size(), 20u) << loaded.entry.folder;
  }
}

TEST_F(Compare, ArmsMayBeAddedToAFinishedComparison) {
  Recipe recipe = tiny_recipe("added-arms");
  EXPECT_EQ(run(recipe).runs_done_now, 2);
  const std::string records = util::read_file(run_folder(recipe, "tst-seed-1") / "metrics.jsonl");
  recipe.compare.arms = {
      {.name = "baseline", .overrides = {{"phases", "[]"}}, .budgets = {}},
      {.name = "short", .overrides = {{"phases[0].share", "0.2"}}, .budgets = {}},
      {.name = "tst", .overrides = {}, .budgets = {}},
      {.name = "early", .overrides = {{"optim.decay_share", "0.5"}}, .budgets = {}}};
  EXPECT_EQ(run(recipe).runs_done_now, 2);
  EXPECT_EQ(util::read_file(run_folder(recipe, "tst-seed-1") / "metrics.jsonl"), records);
  const report::Experiment manifest = report::read_experiment(recipe.base.run.dir);
  EXPECT_THAT(manifest.arms, ElementsAre("baseline", "short", "tst", "early"));
  EXPECT_THAT(manifest.fingerprint_arms, ElementsAre("baseline", "tst"));
  EXPECT_EQ(report::analyze(manifest).comparisons.size(), 3u);
  EXPECT_EQ(run(recipe).runs_done_now, 0);

  recipe.compare.arms[3].overrides["optim.decay_share"] = "0.4";
  EXPECT_THAT(error_of(recipe), names("arm early", "other overrides"));
  recipe.compare.arms.pop_back();
  EXPECT_THAT(error_of(recipe), names("arm early", "missing"));
}

// Checkpoint 20 of the finished run is beyond where 0.5 would leave it.
TEST_F(Compare, TextThatHasChangedIsRefusedBeforeTheFirstRun) {
  Recipe recipe = tiny_recipe("changed-text");
  const fs::path own = *folder_ / "changed-text-corpus";
  fs::copy(recipe.base.data.sources.front(), own, fs::copy_options::recursive);
  recipe.base.data.sources = {own.string()};
  EXPECT_EQ(run(recipe).runs_done_now, 2);
  util::write_file_atomic(own / "added.txt", "A file that was not there before.\n");
  recipe.compare.seeds = {1, 2};
  EXPECT_THAT(error_of(recipe), AllOf(HasSubstr("baseline-seed-1"), HasSubstr("added.txt")));
  EXPECT_FALSE(fs::exists(run_folder(recipe, "baseline-seed-2")));
  fs::remove(own / "added.txt");
  EXPECT_EQ(run(recipe).runs_done_now, 2);
}

TEST_F(Compare, RunsThatTheRecipeNoLongerHasAreNamed) {
  Recipe recipe = tiny_recipe("fewer-seeds");
  recipe.compare.seeds = {1, 2};
  EXPECT_EQ(run(recipe).runs_done_now, 4);
  recipe.compare.seeds = {2};
  run(recipe);
  EXPECT_THAT(report::read_experiment(recipe.base.run.dir).notes,
              testing::Contains(HasSubstr("tst-seed-1")));
}

TEST_F(Compare, ASignalBetweenRunsStopsBeforeTheNext) {
  // Raises the signal when the list of the runs is printed.
  class Raising : public std::stringbuf {
    std::streamsize xsputn(const char* text, std::streamsize size) override {
      if (std::string_view(text, static_cast<std::size_t>(size)).find("total") !=
          std::string_view::npos) {
        ::raise(SIGTERM);
      }
      return std::stringbuf::xsputn(text, size);
    }
  };
  const Recipe recipe = tiny_recipe("signal-between");
  run(recipe, "", /*dry_run=*/true);  // prepares the corpus
  experiment::CompareOptions options;
  options.recipe_name = "tiny.toml";
  distributed::LocalCollective collective;
  Raising text;
  std::ostream out(&text);
  const CompareOutcome outcome = experiment::compare(recipe, options, collective, out);
  EXPECT_EQ(outcome.status, CompareStatus::kStoppedBySignal);
  EXPECT_EQ(outcome.signal, SIGTERM);
  EXPECT_EQ(outcome.runs_done_now, 0);
}

TEST_F(Compare, RunWithoutACheckpointToBranchFromBeginsAtStep0) {
  Recipe recipe = tiny_recipe("added-budget");
  recipe.base.train.steps = 40;
  run(recipe, "arm=baseline");
  recipe.compare.budgets = {0.5, 1.0};
  EXPECT_EQ(run(recipe, "arm=baseline").runs_done_now, 1);
  const auto branch = metrics::read_run(run_folder(recipe, "baseline-seed-1-budget-0.5"));
  EXPECT_EQ(branch.steps.front().step, 1);
  for (const report::RunEntry& entry : report::read_experiment(recipe.base.run.dir).runs) {
    if (entry.folder.ends_with("baseline-seed-1-budget-0.5")) {
      EXPECT_EQ(entry.role, report::Role::kFinal);
      EXPECT_EQ(entry.parent, "");
    }
  }
  EXPECT_EQ(run(recipe, "arm=baseline").runs_done_now, 0);
  // Without experiment.json, too, it is what it was begun as.
  fs::remove(fs::path(recipe.base.run.dir) / "experiment.json");
  EXPECT_EQ(run(recipe, "arm=baseline").runs_done_now, 0);
}

// The points at 0.01 share their first steps; those at 1e30 diverge at once.
TEST_F(Compare, GridOfARateThatDivergesIsRunByEachArm) {
  Recipe recipe = tiny_recipe("diverging-arms");
  recipe.compare.learning_rates = {1e-2, 1e30};
  recipe.compare.arms = {
      {.name = "baseline", .overrides = {}, .budgets = {}},
      {.name = "short", .overrides = {{"phases[0].share", "0.2"}}, .budgets = {}}};
  EXPECT_EQ(run(recipe).status, CompareStatus::kFinished);
  EXPECT_THAT(printed_, names("short-seed-0-rate-1e+30", "left out"));
  EXPECT_THAT(finished_runs(recipe),
              ElementsAre("baseline-seed-0-rate-0.01", "baseline-seed-1-rate-0.01",
                          "short-seed-0-rate-0.01", "short-seed-1-rate-0.01"));
  for (const report::RunEntry& entry : report::read_experiment(recipe.base.run.dir).runs) {
    const bool shares = entry.arm == "short" && entry.learning_rate == 0.01;
    EXPECT_EQ(entry.parent_step, shares ? 4 : 0) << entry.folder;
  }
}

TEST_F(Compare, DryRunDrawsTreesAndSaysWhatSeedsCanShow) {
  Recipe recipe = tiny_recipe("grid-dry");
  recipe.compare.grid = {{"phases.share", "[0.3, 0.2]"}};
  run(recipe, "", /*dry_run=*/true);
  EXPECT_THAT(printed_, ::testing::ContainsRegex("\n  tst-share-0.3-seed-1 +trunk"));
  EXPECT_THAT(printed_, ::testing::ContainsRegex("\n    tst-share-0.2-seed-1 +branch at 4 "));
  EXPECT_THAT(printed_, names("separately"));
  EXPECT_EQ(count(printed_, "smallest difference"), 2u) << printed_;
}

// Budget 1 is done when 2 is added: it stays a run of its own, and 0.5 its branch.
TEST_F(Compare, LargerBudgetMayBeAddedLater) {
  Recipe recipe = tiny_recipe("larger-budget");
  recipe.base.train.steps = 20;
  recipe.base.optim.warmup_steps = 2;
  recipe.compare.budgets = {0.5, 1.0};
  EXPECT_EQ(run(recipe).runs_done_now, 4);
  recipe.compare.budgets = {0.5, 1.0, 2.0};
  EXPECT_EQ(run(recipe).runs_done_now, 2);
  EXPECT_EQ(finished_runs(recipe).size(), 6u);
  for (const report::RunEntry& entry : report::read_experiment(recipe.base.run.dir).runs) {
    const bool is_branch = entry.budget == 0.5;
    EXPECT_EQ(entry.role, is_branch ? report::Role::kBranch : report::Role::kFinal) << entry.folder;
  }
}

TEST_F(Compare, GridPicksEachArmsRateAndOtherSeedsAreQuoted) {
  Recipe recipe = tiny_recipe("grid");
  recipe.compare.learning_rates = {1e-5, 1e-2};
  recipe.compare.seeds = {1, 2};
  const CompareOutcome outcome = run(recipe);
  EXPECT_EQ(outcome.runs, 8);
  EXPECT_EQ(outcome.runs_done_now, 8);
  // 1e-5 learns nothing in 20 steps.
  EXPECT_THAT(
      finished_runs(recipe),
      ElementsAre("baseline-seed-0-rate-0.01", "baseline-seed-0-rate-1e-05",
                  "baseline-seed-1-rate-0.01", "baseline-seed-2-rate-0.01", "tst-seed-0-rate-0.01",
                  "tst-seed-0-rate-1e-05", "tst-seed-1-rate-0.01", "tst-seed-2-rate-0.01"));
  const report::Analysis analysis = report::analyze(report::read_experiment(recipe.base.run.dir));
  EXPECT_EQ(analysis.quoted, report::QuotedLoss::kHalfB);
  ASSERT_EQ(analysis.rate_grids.size(), 2u);
  EXPECT_EQ(analysis.rate_grids[1].best, 1e-2);
  EXPECT_TRUE(analysis.rate_grids[1].at_edge);
  EXPECT_EQ(analysis.results("tst", 1).size(), 2u);
  EXPECT_EQ(run(recipe).runs_done_now, 0);
}

TEST_F(Compare, GridNeedsBothHalvesOfThePrimarySet) {
  Recipe recipe = tiny_recipe("one-half");
  recipe.base.data.validation = {};
  const std::string book = (fs::path(recipe.base.data.sources[0]).parent_path() / "held-out/3.txt");
  recipe.base.validation = {{.name = "book", .sources = {book}}};
  recipe.compare.learning_rates = {1e-3, 1e-2};
  recipe.compare.seeds = {1};
  EXPECT_THAT(error_of(recipe), names("one half", "book", "1"));
}

TEST_F(Compare, RateThatDivergesIsLeftOutOfTheGrid) {
  Recipe recipe = tiny_recipe("diverging");
  recipe.compare.learning_rates = {1e-2, 1e30};
  EXPECT_EQ(run(recipe, "arm=baseline").status, CompareStatus::kFinished);
  EXPECT_THAT(printed_, names("baseline-seed-0-rate-1e+30", "left out"));
  EXPECT_THAT(finished_runs(recipe),
              ElementsAre("baseline-seed-0-rate-0.01", "baseline-seed-1-rate-0.01"));
  EXPECT_EQ(run(recipe, "arm=baseline").runs_done_now, 0);
  // A result that diverges is an error.
  Recipe untuned = tiny_recipe("diverging-result");
  untuned.base.optim.learning_rate = 1e30;
  EXPECT_THAT(error_of(untuned), HasSubstr("finite"));
}

TEST_F(Compare, PartsFromTwoFoldersMerge) {
  Recipe here = tiny_recipe("part-here");
  Recipe there = tiny_recipe("part-there");
  EXPECT_EQ(run(here, "arm=baseline").runs_done_now, 1);
  EXPECT_EQ(run(there, "arm=tst").runs_done_now, 1);
  const report::Analysis merged =
      report::analyze(report::merge_experiments({here.base.run.dir, there.base.run.dir}));
  ASSERT_EQ(merged.comparisons.size(), 1u);
  EXPECT_TRUE(merged.comparisons[0].equal_flops.available);

  Recipe other = tiny_recipe("part-other");
  other.base.optim.weight_decay = 0.2;
  run(other, "arm=tst");
  EXPECT_THROW(report::merge_experiments({here.base.run.dir, other.base.run.dir}), util::Error);
}

TEST_F(Compare, CorpusThatEndsTheRunIsAnError) {
  Recipe recipe = tiny_recipe("used-up");
  recipe.base.data.when_exhausted = corpus::WhenExhausted::kStop;
  recipe.base.train.steps = 2000;
  EXPECT_THAT(error_of(recipe), names("used up"));
  EXPECT_FALSE(fs::exists(run_folder(recipe, "baseline-seed-1"))) << "known before the first step";
}

TEST_F(Compare, ASweepShowsARunByALineNotByItsPlan) {
  Recipe recipe = tiny_recipe("sweep");
  recipe.base.checkpoint.every = 5;
  recipe.compare.learning_rates = {0.001, 0.01};
  recipe.compare.tuning_seed = 7;
  recipe.compare.seeds = {1, 2};
  EXPECT_EQ(run(recipe).runs_done_now, 8);
  EXPECT_EQ(count(printed_, "\nRun "), 8u) << printed_;
  EXPECT_EQ(count(printed_, ": done, 20 steps"), 8u) << printed_;
  for (const char* part : {"schedule  ", "phase 1", "switch at step", "checkpoint at step"}) {
    EXPECT_THAT(printed_, Not(HasSubstr(part)));
  }
  EXPECT_EQ(count(printed_, "no gain"), 1u) << "what is wrong with an arm is said once";
}

TEST_F(Compare, ChecksThePlanOfEveryBudget) {
  Recipe recipe = tiny_recipe("budget-checks");
  recipe.compare.arms.resize(2);
  recipe.compare.arms[0].name = "baseline";
  recipe.compare.arms[0].overrides = {{"phases", "[]"}};
  recipe.compare.arms[1] = recipe.compare.arms[0];
  recipe.compare.arms[1].name = "short";
  recipe.compare.arms[1].budgets = {0.1, 1.0};
  // 2 steps, and a warm-up of 3.
  run(recipe, "", /*dry_run=*/true);
  EXPECT_EQ(count(printed_, "optim.warmup_steps"), 1u) << printed_;
  EXPECT_THAT(printed_, HasSubstr(train::describe(train::Speed::Source::kSteps)));
  EXPECT_EQ(run(recipe).status, CompareStatus::kFinished);
  EXPECT_THAT(printed_, names("warning", "arm short", "budget 0.1", "optim.warmup_steps"));

  recipe.base.run.dir += "-impossible";
  recipe.compare.arms[1].overrides["model.hidden_size"] = "32768";
  recipe.compare.arms[1].overrides["model.num_layers"] = "2000";
  recipe.compare.arms[1].overrides["model.ffn_size"] = "131072";
  recipe.compare.arms[1].overrides["model.num_heads"] = "256";
  for (const bool dry_run : {true, false}) {
    EXPECT_THAT(test::error_of([&] { run(recipe, "", dry_run); }), HasSubstr("short-seed-1"));
    EXPECT_FALSE(fs::exists(run_folder(recipe, "baseline-seed-1")));
  }
  EXPECT_EQ(run(recipe, "arm=baseline").runs_done_now, 1) << "the other arm can be run";
}

}  // namespace
}  // namespace superpose::test
