// Writes the report of a made-up comparison, for the browser test: sample_page FOLDER PLOTLY_SCRIPT
// {demo|full|sets|grid|run}.
#include <cmath>
#include <iostream>
#include <string>

#include "report/report.h"
#include "support/synthetic_runs.h"

namespace {

using namespace superpose;

// One seed, no grid, no budgets: what the demo makes.
report::Experiment demo(const std::filesystem::path& root) {
  report::Experiment experiment;
  experiment.title = "<b>demo</b> & co";
  experiment.baseline = "baseline";
  experiment.arms = {"baseline", "tst"};
  experiment.runs.push_back(
      test::add_synthetic_run(root, {.final_loss = 1.104}, report::Role::kFinal));
  experiment.runs.push_back(test::add_synthetic_run(
      root, {.arm = "tst", .bag_size = 4, .final_loss = 1.062}, report::Role::kFinal));
  return experiment;
}

// Three seeds, two validation sets.
report::Experiment sets(const std::filesystem::path& root) {
  report::Experiment experiment;
  experiment.title = "two validation sets";
  experiment.baseline = "baseline";
  experiment.arms = {"baseline", "tst"};
  for (const std::int64_t seed : {1, 2, 3}) {
    for (const bool tst : {false, true}) {
      test::SyntheticRun run;
      run.arm = tst ? "tst" : "baseline";
      run.seed = seed;
      run.bag_size = tst ? 4 : 1;
      run.two_sets = true;
      run.num_documents = 60;
      run.routers = true;
      run.has_tasks = true;
      run.copies_from = (tst ? 2600 : 4600) + 1400 * (seed - 1);
      run.final_loss = (tst ? 1.062 : 1.104) + 0.003 * static_cast<double>(seed) * (tst ? 1 : 2);
      experiment.runs.push_back(test::add_synthetic_run(root, run, report::Role::kFinal));
    }
  }
  return experiment;
}

// Three seeds, a grid, budgets.
report::Experiment full(const std::filesystem::path& root) {
  report::Experiment experiment;
  experiment.title = "demo-full";
  experiment.baseline = "baseline";
  experiment.arms = {"baseline", "tst"};
  experiment.tuning_seed = 1;
  experiment.learning_rates = {0.001, 0.002, 0.004, 0.008};
  for (const double rate : experiment.learning_rates) {
    const double off = std::log2(rate / 0.004);
    for (const bool tst : {false, true}) {
      test::SyntheticRun run;
      run.arm = tst ? "tst" : "baseline";
      run.bag_size = tst ? 4 : 1;
      run.learning_rate = rate;
      run.final_loss = (tst ? 1.065 : 1.106) + 0.012 * off * off + (tst ? 0.01 * off : 0);
      experiment.runs.push_back(test::add_synthetic_run(root, run, report::Role::kTuning));
    }
  }
  for (const std::int64_t seed : {2, 3, 4}) {
    for (const double budget : {0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 2.5}) {
      for (const bool tst : {false, true}) {
        if (tst && budget > 1) continue;
        test::SyntheticRun run;
        run.arm = tst ? "tst" : "baseline";
        run.seed = seed;
        run.bag_size = tst ? 4 : 1;
        run.budget = budget;
        run.learning_rate = 0.004;
        run.total_steps = static_cast<std::int64_t>(budget * 8000);
        run.final_loss = (tst ? 1.064 : 1.104) - 0.075 * std::log(budget) +
                         0.003 * static_cast<double>(seed - 3) + (tst && seed == 2 ? -0.004 : 0);
        experiment.runs.push_back(test::add_synthetic_run(root, run, report::Role::kFinal));
      }
    }
  }
  return experiment;
}

// One seed, a grid of nine arms, a noise figure, budgets of the baseline.
report::Experiment grid(const std::filesystem::path& root) {
  report::Experiment experiment;
  experiment.title = "grid";
  experiment.baseline = "baseline";
  experiment.arms = {"baseline"};
  experiment.grid.keys = {"phases.bag_size", "phases.share"};
  for (const double budget : {1.0, 2.0}) {
    test::SyntheticRun run;
    run.budget = budget;
    run.total_steps = static_cast<std::int64_t>(budget * 8000);
    run.final_loss = 1.104 - 0.075 * std::log(budget);
    run.num_documents = 60;
    experiment.runs.push_back(test::add_synthetic_run(root, run, report::Role::kFinal));
  }
  for (const std::int64_t bag_size : {2, 4, 8}) {
    for (const std::int64_t share : {2, 3, 4}) {
      const std::vector<std::string> values = {std::to_string(bag_size),
                                               "0." + std::to_string(share)};
      test::SyntheticRun run;
      run.arm = "tst-bag_size-" + values[0] + "-share-" + values[1];
      run.bag_size = bag_size;
      run.num_documents = 60;
      run.final_loss = 1.075 + 0.018 * std::pow(std::log2(static_cast<double>(bag_size) / 4), 2) +
                       0.012 * std::pow(static_cast<double>(share) - 2.5, 2);
      experiment.runs.push_back(test::add_synthetic_run(root, run, report::Role::kFinal));
      experiment.arms.push_back(run.arm);
      experiment.grid.arms.push_back({run.arm, values});
      experiment.noise.push_back({run.arm, 0.006, 6, "demo.toml, 2026-05-19, superpose 0.1.0"});
    }
  }
  return experiment;
}

// A run by itself, with a scalar of two members.
report::Experiment run(const std::filesystem::path& root) {
  test::SyntheticRun run;
  run.arm = "";
  run.bag_size = 4;
  run.num_documents = 60;
  run.copies_from = 4600;
  run.has_scalars = true;
  run.has_tasks = true;
  const report::RunEntry entry = test::add_synthetic_run(root, run, report::Role::kFinal);
  return report::experiment_of_run(root / entry.folder);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: sample_page FOLDER PLOTLY_SCRIPT {demo|full|sets|grid|run}\n";
    return 2;
  }
  const std::filesystem::path root = argv[1];
  std::filesystem::create_directories(root);
  const std::string sample = argv[3];
  report::Experiment experiment = sample == "full"   ? full(root)
                                  : sample == "sets" ? sets(root)
                                  : sample == "grid" ? grid(root)
                                  : sample == "run"  ? run(root)
                                                     : demo(root);
  experiment.recipe_name = "recipes/demo.toml";
  experiment.recipe_text =
      "[train]\nsteps = 8000\n\n[[phases]]\nbag_size = 4  # </pre><script>alert(1)</script>\nshare "
      "= 0.3\n";
  experiment.recipe_fingerprint = "recipe-1";
  experiment.commands = {"superpose compare recipes/demo.toml"};
  write_experiment(util::OutputFolder(root), experiment);
  const report::Analysis analysis = report::analyze(report::read_experiment(root));
  std::cout << in_words(analysis)
            << write_report(analysis, util::OutputFolder(root), argv[2]).string() << '\n';
  return 0;
}
