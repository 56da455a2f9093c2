#include "random_experiments.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "metrics/json_lines_sink.h"

namespace superpose::test {
namespace {

constexpr std::int64_t kSteps = 40;
constexpr std::int64_t kEvery = 8;
constexpr std::int64_t kPositionsPerStep = 512;
constexpr std::int64_t kDocuments = 63;

using Schedule = std::vector<metrics::PhaseInfo>;  // num_steps as parts of kSteps

const std::vector<Schedule> kSchedules = {
    {{0, 16, 4, 4}, {16, 24, 1, 1}},
    {{0, 8, 8, 8}, {8, 8, 4, 4}, {16, 24, 1, 1}},
    {{0, 16, 4, 1}, {16, 24, 1, 1}},
    {{0, 12, 1, 4}, {12, 28, 1, 1}},
    {{0, 8, 1, 1}, {8, 8, 4, 4}, {16, 24, 1, 1}},
    {{0, 40, 4, 4}},
    {{0, 40, 1, 1}},
};

class Maker {
 public:
  Maker(std::filesystem::path root, std::uint32_t seed) : root_(std::move(root)), random_(seed) {}

  MadeExperiment make() {
    report::Experiment& experiment = made_.experiment;
    experiment.title = "random";
    experiment.baseline = "baseline";
    experiment.recipe_fingerprint = "recipe";
    const std::vector<std::string> names = {"baseline", "tst", "s8", "out-only"};
    experiment.arms.assign(names.begin(), names.begin() + 2 + below(3));
    draw_kind();
    if (grid_) {
      experiment.tuning_seed = 1;
      experiment.learning_rates = {0.002, 0.004};
    }
    for (const std::string& arm : experiment.arms) {
      add_arm(arm);
      if (arm == experiment.baseline) continue;
      experiment.pairs.push_back({arm, "0123456789abcdef"});
      if (has_noise_) experiment.noise.push_back({arm, 0.1 * scale_ + 1e-5, 6, "another recipe"});
    }
    return std::move(made_);
  }

 private:
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(random_() % n); }
  bool happens(double share) { return static_cast<double>(random_()) < share * 4294967296.0; }
  double uniform() { return static_cast<double>(random_()) / 4294967296.0 - 0.5; }

  void draw_kind() {
    const std::vector<double> scales = {0, 1e-5, 2e-4, 0.01, 0.3, 6};
    scale_ = scales[static_cast<std::size_t>(below(6))];
    grid_ = happens(0.25);
    bare_ = !grid_ && happens(0.2);
    num_seeds_ = happens(0.1) ? 6 : 1 + below(4);
    has_noise_ = happens(0.4);
    has_probe_ = !bare_ && happens(0.5);
    has_final_scores_ = !bare_ && !grid_ && happens(0.5);
    num_sets_ = bare_ ? 0 : below(4);
    missing_ = happens(0.3) ? 0.3 : 0;
    if (happens(0.4)) budgets_ = {0.5, 1, 2};
  }

  void add_arm(const std::string& arm) {
    schedule_ = arm == "baseline" && happens(0.9)
                    ? kSchedules.back()
                    : kSchedules[static_cast<std::size_t>(below(std::ssize(kSchedules)))];
    flops_per_position_ = 3.5e6 * (happens(0.15) ? 1.25 : 1);
    scored_windows_ = has_final_scores_ ? 64 : happens(0.1) ? 0 : happens(0.1) ? 32 : 64;
    offset_ = happens(0.2) ? 0 : scale_ * uniform();
    if (grid_) {
      for (const double rate : made_.experiment.learning_rates) {
        add_run(arm, 1, 1, rate, report::Role::kTuning);
      }
    }
    const double rate = happens(0.7) ? 0.004 : 0.002;
    for (std::int64_t seed = 2; seed < 2 + num_seeds_; ++seed) {
      for (const double budget : budgets_) add_run(arm, seed, budget, rate, report::Role::kFinal);
    }
  }

  void add_run(const std::string& arm, std::int64_t seed, double budget, double rate,
               report::Role role) {
    MadeRun run;
    run.entry = {arm, seed, bare_ ? 0 : rate, budget, role, "", "", 0};
    run.entry.folder = (root_ / ("run-" + std::to_string(made_.experiment.runs.size()))).string();
    made_.experiment.runs.push_back(run.entry);
    if (happens(missing_)) return;
    run.finished = !happens(missing_ / 2);
    fill_header(run);
    fill_validations(run);
    if (has_final_scores_ && run.finished) fill_final_scores(run);
    write(run);
    made_.runs.push_back(std::move(run));
  }

  void fill_header(MadeRun& run) const {
    metrics::RunHeader& header = run.header;
    header.seed = run.entry.seed;
    header.budget = run.entry.budget;
    header.flops_per_position = flops_per_position_;
    header.fingerprints = {"recipe", "data", "validation"};
    header.total_steps = static_cast<std::int64_t>(kSteps * run.entry.budget);
    for (metrics::PhaseInfo phase : schedule_) {
      for (std::int64_t* steps : {&phase.first_step, &phase.num_steps}) {
        *steps = static_cast<std::int64_t>(static_cast<double>(*steps) * run.entry.budget);
      }
      header.phases.push_back(phase);
    }
    if (bare_) return;
    header.learning_rate = run.entry.learning_rate;
    header.train_tokens = 50'000;
    header.settings = {{"train.steps", std::to_string(header.total_steps), false},
                       {"optim.schedule", "\"wsd\"", false},
                       {"optim.decay_share", "0.25", false}};
  }

  void fill_validations(MadeRun& run) {
    const std::int64_t last = run.finished ? run.header.total_steps : run.header.total_steps / 2;
    const double end = std::abs(1.1 + offset_ + scale_ * 0.2 * uniform()) + 0.2;
    double above = 0;
    for (std::int64_t step = last; step >= 0; step -= kEvery) {  // back from the end, up or down
      metrics::ValidationRecord point;
      point.step = step;
      point.positions = step * kPositionsPerStep;
      point.seconds = bare_ ? 0 : 0.1 * static_cast<double>(step);
      point.loss = std::max(0.1, end - 0.05 * std::log(run.entry.budget) + above);
      above += happens(0.2) ? 0 : 0.1 * std::max(scale_, 1e-3) * (uniform() + 0.3);
      for (const metrics::PhaseInfo& phase : run.header.phases) {
        const std::int64_t steps =
            std::clamp<std::int64_t>(step - phase.first_step, 0, phase.num_steps);
        if (!bare_) point.raw_tokens += steps * phase.bag_size * kPositionsPerStep;
      }
      fill_scores(point);
      run.validations.insert(run.validations.begin(), point);
    }
  }

  // Documents above and below the loss in pairs of equal length.
  void fill_final_scores(MadeRun& run) {
    const metrics::ValidationRecord& last = run.validations.back();
    std::vector<metrics::SetScore> sets = last.sets;
    if (sets.empty()) {
      sets.emplace_back().name = "held_out";
      sets.back().loss = last.loss;
    }
    run.final_scores.emplace().step = last.step;
    for (const metrics::SetScore& set : sets) {
      metrics::FinalScore& score = run.final_scores->sets.emplace_back();
      score.name = set.name;
      score.loss = set.loss;
      score.loss_half_a = last.loss_half_a;
      score.loss_half_b = last.loss_half_b;
      score.bits_per_byte = set.loss / std::log(2.0);
      score.tokens = scored_windows_ * 256;
      for (std::int64_t i = 0; i < kDocuments; ++i) {
        const std::int64_t tokens = i == kDocuments - 1 ? score.tokens - 62 * 200 : 200;
        const double off = i == kDocuments - 1 ? 0 : (i % 2 == 0 ? 1 : -1) * spread_of_pair(i / 2);
        score.document_tokens.push_back(tokens);
        score.document_nats.push_back(static_cast<double>(tokens) * (set.loss + off));
      }
      score.by_position = {{0, 1, set.loss + 1}, {1, 2, set.loss}, {2, 4, set.loss - 0.05}};
    }
  }
  double spread_of_pair(std::int64_t i) const {
    return 0.1 * scale_ * std::sin(static_cast<double>(i) + offset_);
  }

  void fill_scores(metrics::ValidationRecord& point) {
    if (bare_) return;
    if (has_probe_) point.copying = -1.2 * (0.5 + uniform());
    point.bits_per_byte = point.loss / std::log(2.0);
    const double half = std::min(scale_ * 0.3, point.loss) * uniform();
    point.loss_half_a = point.loss + half;
    point.loss_half_b = point.loss - half;
    if (scored_windows_ > 0) {
      point.scored = metrics::ScoredText{scored_windows_ * 256, 63};
      point.scored_half_b = metrics::ScoredText{scored_windows_ * 128, 31};
    }
    for (std::int64_t i = 0; i < num_sets_; ++i) {
      metrics::SetScore set;
      set.name = "set" + std::to_string(i);
      set.loss = i == 0 ? point.loss : 0.5 + scale_ * (0.5 + uniform());
      set.scored = point.scored;
      point.sets.push_back(set);
    }
  }

  static void write(const MadeRun& run) {
    std::filesystem::create_directories(run.entry.folder);
    metrics::JsonLinesSink sink(std::filesystem::path(run.entry.folder) / "metrics.jsonl", -1);
    sink.write(run.header);
    for (const metrics::ValidationRecord& point : run.validations) sink.write(point);
    if (run.final_scores) sink.write(*run.final_scores);
  }

  std::filesystem::path root_;
  std::mt19937 random_;
  MadeExperiment made_;
  double scale_ = 0;
  bool grid_ = false;
  bool bare_ = false;
  std::int64_t num_seeds_ = 1;
  std::int64_t num_sets_ = 0;
  bool has_noise_ = false;
  bool has_probe_ = false;
  bool has_final_scores_ = false;
  double missing_ = 0;
  std::vector<double> budgets_ = {1};
  Schedule schedule_;
  double flops_per_position_ = 0;
  std::int64_t scored_windows_ = 0;
  double offset_ = 0;
};

}  // namespace

const MadeRun* MadeExperiment::find(const std::string& arm, std::int64_t seed) const {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const MadeRun& run) {
    return run.entry.arm == arm && run.entry.seed == seed && run.entry.budget == 1 &&
           run.entry.role == report::Role::kFinal && run.finished;
  });
  return found == runs.end() ? nullptr : &*found;
}

MadeExperiment make_random_experiment(const std::filesystem::path& root, std::uint32_t seed) {
  return Maker(root, seed).make();
}

}  // namespace superpose::test
