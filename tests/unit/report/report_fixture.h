// The fixture of the tests of the report.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "report/report.h"
#include "support/error_of.h"
#include "support/synthetic_runs.h"
#include "support/temp_dir.h"

namespace superpose::report {

// A folder to put made-up runs into, and the experiment that names them.
class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    experiment_.title = "test";
    experiment_.baseline = "baseline";
    experiment_.arms = {"baseline", "tst"};
    experiment_.recipe_fingerprint = "recipe-1";
  }

  // 200-step runs, validated every 20 steps, switch at step 60: small, as the curves do not matter
  // here.
  static test::SyntheticRun small_run(const std::string& arm, std::int64_t seed,
                                      double final_loss) {
    test::SyntheticRun run;
    run.arm = arm;
    run.seed = seed;
    run.bag_size = arm == "baseline" ? 1 : 4;
    run.total_steps = 200;
    run.validate_every = 20;
    run.half_a_offset = 0;
    run.final_loss = final_loss;
    return run;
  }

  RunEntry& add(const test::SyntheticRun& run, Role role = Role::kFinal) {
    RunEntry entry = test::add_synthetic_run(folder_.path(), run, role);
    entry.folder = (folder_.path() / entry.folder).string();
    return experiment_.runs.emplace_back(entry);
  }
  void add(const std::string& arm, std::int64_t seed, double final_loss) {
    add(small_run(arm, seed, final_loss));
  }
  void add_budget(const std::string& arm, std::int64_t seed, double budget, double final_loss) {
    test::SyntheticRun run = small_run(arm, seed, final_loss);
    run.budget = budget;
    run.total_steps = static_cast<std::int64_t>(200 * budget);
    add(run);
  }

  std::string error_of_analysis() const {
    return test::error_of([&] { analyze(experiment_); });
  }

  test::TempDir folder_;
  Experiment experiment_;
};

}  // namespace superpose::report
