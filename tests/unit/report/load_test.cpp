#include "report/load.h"

#include <gmock/gmock.h>

#include <fstream>
#include <functional>

#include "metrics/json.h"
#include "metrics/json_lines_sink.h"
#include "metrics/reader.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/files.h"
#include "util/text.h"

namespace superpose::report {
namespace {

using test::names;
using testing::HasSubstr;

using Load = ReportTest;

TEST_F(Load, DifferingFingerprintsAreRefusedByName) {
  add("baseline", 1, 1.1);
  const struct {
    metrics::Fingerprints fingerprints;
    const char* message;
  } cases[] = {
      {{"recipe-2", "data-1", "validation-1"}, "recipe fingerprint recipe-1, got recipe-2 in "},
      {{"recipe-1", "data-2", "validation-1"}, "same data fingerprint, got data-1 in "},
      {{"recipe-1", "data-1", "validation-2"},
       "same validation fingerprint, got validation-1 in "}};
  for (const auto& one : cases) {
    test::SyntheticRun run = small_run("tst", 1, 1.0);
    run.fingerprints = one.fingerprints;
    add(run);
    EXPECT_THAT(error_of_analysis(), HasSubstr(one.message));
    EXPECT_THAT(error_of_analysis(), HasSubstr("tst-seed1"));
    experiment_.runs.pop_back();
  }
}

TEST_F(Load, ArmsGivenOneByOneMayDifferInRecipeButNotWithinAnArm) {
  experiment_.one_recipe = false;
  add("baseline", 1, 1.1);
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.fingerprints.recipe = "recipe-2";
  add(run);
  EXPECT_EQ(error_of_analysis(), "");
  run.seed = 2;
  run.fingerprints.recipe = "recipe-3";
  add(run);
  EXPECT_THAT(error_of_analysis(), names("recipe fingerprint", "recipe-2"));
}

TEST_F(Load, TwoRunsInOnePlaceAreRefused) {
  add("baseline", 1, 1.1);
  experiment_.runs.push_back(experiment_.runs.front());
  EXPECT_THAT(error_of_analysis(), names("seed", "budget", "one run"));
}

TEST_F(Load, MissingHalfIsNamedWhenAGridNeedsIt) {
  experiment_.tuning_seed = 9;
  add("baseline", 1, 1.1);
  const std::string file = experiment_.runs.front().folder + "/metrics.jsonl";
  std::string text = util::read_file(file);
  for (std::size_t at = text.find("loss_half_b"); at != std::string::npos;
       at = text.find("loss_half_b")) {
    text.replace(at, 11, "other_field");
  }
  std::ofstream(file) << text;
  EXPECT_THAT(error_of_analysis(), names("missing", "'loss_half_b'"));
}

// Final scores are on more text than the validations before them: quoted where all results have
// them, and nowhere where one lacks them.
TEST_F(Load, FinalScoresAreQuotedWhereAllResultsHaveThem) {
  const auto loss_of_first = [this] {
    std::vector<std::string> notes;
    const std::vector<report::Run> runs = load_runs(experiment_, QuotedLoss::kWhole, notes);
    return runs.at(0).final_loss;
  };
  const auto add_scores = [](const std::string& folder, double loss) {
    metrics::FinalRecord record;
    metrics::FinalScore& score = record.sets.emplace_back();
    score.name = "held_out";
    score.loss = loss;
    score.tokens = 30;
    score.document_nats = {10, 0, 20};
    score.document_tokens = {10, 0, 20};
    std::ofstream(folder + "/metrics.jsonl", std::ios::app) << metrics::to_json(record) << '\n';
  };
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  const std::vector<RunEntry> entries = experiment_.runs;
  add_scores(entries[0].folder, 1.25);
  EXPECT_DOUBLE_EQ(loss_of_first(), 1.1);
  add_scores(entries[1].folder, 1.2);
  EXPECT_DOUBLE_EQ(loss_of_first(), 1.25);
  std::vector<std::string> notes;
  const std::vector<report::Run> runs = load_runs(experiment_, QuotedLoss::kWhole, notes);
  const metrics::ValidationRecord& last = runs.at(1).records.validations.back();
  ASSERT_TRUE(last.scored.has_value());
  EXPECT_EQ(last.scored->tokens, 30);
  EXPECT_EQ(last.scored->documents, 2);
}

TEST_F(Load, BranchCarriesItsTrunksPart) {
  test::SyntheticRun trunk = small_run("tst", 1, 1.0);
  trunk.finished = false;
  const std::string trunk_folder = add(trunk, Role::kTrunk).folder;
  test::SyntheticRun branch = small_run("tst", 1, 1.0);
  branch.first_step = 90;
  branch.budget = 0.5;
  RunEntry& entry = add(branch, Role::kBranch);
  entry.parent = trunk_folder;
  entry.parent_step = 90;
  std::vector<std::string> notes;
  const std::vector<report::Run> runs = load_runs(experiment_, QuotedLoss::kWhole, notes);
  const std::vector<metrics::ValidationRecord>& points = runs.at(1).records.validations;
  ASSERT_EQ(points.size(), 11U);  // 0, 20, ... 80 of the trunk; 100, ... 200 of its own
  for (std::size_t i = 0; i < points.size(); ++i)
    EXPECT_EQ(points[i].step, static_cast<std::int64_t>(20 * i));
  EXPECT_TRUE(notes.empty());
  EXPECT_TRUE(runs.at(1).finished);
}

TEST_F(Load, BranchOfABranchCarriesBothParts) {
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.finished = false;
  std::string parent = add(run, Role::kTrunk).folder;
  run.finished = true;
  for (const std::int64_t from : {50, 130}) {
    run.first_step = from;
    run.budget = from == 50 ? 0.5 : 0.75;
    RunEntry& entry = add(run, Role::kBranch);
    entry.parent = parent;
    entry.parent_step = from;
    parent = entry.folder;
  }
  std::vector<std::string> notes;
  const std::vector<report::Run> runs = load_runs(experiment_, QuotedLoss::kWhole, notes);
  EXPECT_EQ(runs.at(2).records.validations.size(), 11U);
  EXPECT_EQ(runs.at(2).records.validations.at(1).step, 20);
}

TEST_F(Load, BranchWhoseClockStartsAgainIsRefused) {
  test::SyntheticRun trunk = small_run("tst", 1, 1.0);
  const std::string trunk_folder = add(trunk, Role::kTrunk).folder;
  test::SyntheticRun branch = trunk;
  branch.first_step = 90;
  branch.budget = 0.5;
  RunEntry& entry = add(branch, Role::kBranch);
  entry.parent = trunk_folder;
  entry.parent_step = 90;
  {
    std::vector<metrics::Record> records = test::synthetic_records(branch);
    std::filesystem::remove(entry.folder + "/metrics.jsonl");
    metrics::JsonLinesSink sink(entry.folder + "/metrics.jsonl", -1);
    for (metrics::Record& record : records) {
      if (auto* point = std::get_if<metrics::ValidationRecord>(&record))
        point->seconds -= 90 * 0.045;
      sink.write(record);
    }
  }
  EXPECT_THAT(error_of_analysis(), names("seconds", "trunk"));
}

// Rewrites the records of a run.
void change_records(const std::string& folder,
                    const std::function<void(std::vector<metrics::Record>&)>& change,
                    const test::SyntheticRun& run) {
  std::vector<metrics::Record> records = test::synthetic_records(run);
  change(records);
  std::filesystem::remove(folder + "/metrics.jsonl");
  metrics::JsonLinesSink sink(folder + "/metrics.jsonl", -1);
  for (const metrics::Record& record : records) sink.write(record);
}

TEST_F(Load, ARunKilledBeforeItsFinalScoresIsNotFinished) {
  add("baseline", 1, 1.1);
  const test::SyntheticRun run = small_run("tst", 1, 1.0);
  const std::string folder = add(run).folder;
  const auto finished = [&](const std::string& windows) {
    const auto set = [&](std::vector<metrics::Record>& records) {
      std::get<metrics::RunHeader>(records.front())
          .settings.push_back(
              {.key = "evaluation.final_windows", .value = windows, .operational = false});
    };
    change_records(folder, set, run);
    return analyze(experiment_).runs[1].finished;
  };
  EXPECT_TRUE(finished("0"));
  EXPECT_FALSE(finished("256"));
}

TEST_F(Load, RecordsOfAnotherRunAreRefused) {
  add("baseline", 1, 1.1);
  const test::SyntheticRun run = small_run("tst", 1, 1.0);
  const std::string folder = add(run).folder;
  EXPECT_EQ(error_of_analysis(), "");
  const auto other_seed = [](std::vector<metrics::Record>& records) {
    std::get<metrics::RunHeader>(records.front()).seed = 7;
  };
  change_records(folder, other_seed, run);
  EXPECT_THAT(error_of_analysis(), HasSubstr("seed 7"));
}

TEST_F(Load, StepsThatAreMissingAreNoted) {
  add("baseline", 1, 1.1);
  const test::SyntheticRun run = small_run("tst", 1, 1.0);
  const std::string folder = add(run).folder;
  const auto notes = [&](std::int64_t from, std::int64_t to) {
    const auto cut = [&](std::vector<metrics::Record>& records) {
      std::int64_t longest = 1;
      std::int64_t before = 0;
      for (const metrics::Record& record : records) {
        const auto* step = std::get_if<metrics::StepRecord>(&record);
        if (step == nullptr) continue;
        longest = std::max(longest, step->step - before);
        before = step->step;
      }
      std::get<metrics::RunHeader>(records.front())
          .settings.push_back(
              {.key = "log.every", .value = std::to_string(longest), .operational = true});
      std::erase_if(records, [&](const metrics::Record& record) {
        const auto* step = std::get_if<metrics::StepRecord>(&record);
        return step != nullptr && step->step > from && step->step < to;
      });
    };
    change_records(folder, cut, run);
    return util::join(analyze(experiment_).notes, "\n");
  };
  EXPECT_THAT(notes(0, 0), testing::Not(HasSubstr("missing between steps")));
  EXPECT_THAT(notes(20, 120), HasSubstr("missing between steps"));
}

TEST_F(Load, TrainedWeightsAtTheBeginningAreNoted) {
  add("baseline", 1, 1.1);
  const test::SyntheticRun run = small_run("tst", 1, 1.0);
  const std::string folder = add(run).folder;
  const auto begin = [](std::vector<metrics::Record>& records) {
    std::get<metrics::RunHeader>(records.front()).parents = {
        {.kind = "weights", .folder = "model", .weights = "0123"}};
  };
  change_records(folder, begin, run);
  EXPECT_THAT(analyze(experiment_).notes,
              testing::Contains(testing::AllOf(HasSubstr("trained weights"), HasSubstr("tst"))));
}

TEST(Switch, IsTheEndOfTheLastSuperposedPhase) {
  metrics::RunHeader header;
  header.total_steps = 100;
  header.phases = {{0, 20, 8, 8}, {20, 10, 1, 4}, {30, 70, 1, 1}};
  EXPECT_EQ(switch_step_of(header), 30);
  EXPECT_TRUE(is_superposed(header));
  header.phases = {{0, 100, 4, 4}};
  EXPECT_EQ(switch_step_of(header), 0);
  header.phases = {{0, 100, 1, 1}};
  EXPECT_EQ(switch_step_of(header), 0);
  EXPECT_FALSE(is_superposed(header));
}

}  // namespace
}  // namespace superpose::report
