// How a value is chosen, in order:
//
//   record     the nearest by parameters (records.h): rows' length, s, r, peak rate, warm-up, decay
//   positions  P = FLOPs / FLOPs of a position; or tokens / (1 + r (s - 1))
//   s, r       where the text would be read more than 4 times: r = 0.1, then output-only
//   batch      the largest power of two of rows that leaves 20,000 steps
//   steps      P / batch
//   switch     too few steps behind it: no superposition
#include "planner/planner.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "model/accounting.h"
#include "superposition/phases.h"
#include "train/plan_checks.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::planner {
namespace {

constexpr std::int64_t kFewestSteps = 20'000;  // of the paper's runs (Table 1)
constexpr std::int64_t kSmallestBatch = 1'024;
constexpr double kSmallShare = 0.1;
constexpr double kWarmupShare = 0.1;  // of the steps: 2,000 of 20,000 in the paper

constexpr const char* kByUser = "as given";
constexpr const char* kOwnRule = "this program's own rule, not tuned";

class Planner {
 public:
  explicit Planner(const Request& request) : request_(request), config_(request.config) {
    result_.tokens_at_hand = request.budget.tokens;
  }

  Proposal propose() {
    const model::ModelConfig model = model::resolve(config_.model, request_.vocabulary);
    has_experts_ = model.moe.num_experts > 0;
    result_.parameters = model::parameter_count(model);
    result_.active_parameters = model::active_parameter_count(model);
    record_ = nearest(static_cast<double>(result_.parameters), has_experts_, kFewestSteps);
    choose_length(model);
    result_.flops_per_position = model::flops_per_position(model, config_.train.sequence_length);
    choose_bags();
    choose_batch();
    choose_steps();
    drop_bags_if_too_short();
    choose_schedule();
    finish();
    return std::move(result_);
  }

 private:
  bool is_given(const std::string& key) const { return request_.given.contains(key); }

  void choose(const std::string& key, const std::string& value, const std::string& rule,
              std::string_view source) {
    result_.choices.push_back({key, value, rule, std::string(source)});
  }

  void choose_length(const model::ModelConfig& model) {
    std::int64_t& length = config_.train.sequence_length;
    const bool given = is_given("train.sequence_length");
    if (!given) length = std::min(record_->sequence_length, model.max_positions);
    choose("train.sequence_length", util::with_commas(length),
           given ? kByUser : "that of " + std::string(record_->name),
           given ? "" : record_->schedule_source);
  }

  // Positions that the budget pays for, whatever they read.
  std::optional<double> paid_positions() const {
    const Budget& budget = request_.budget;
    if (budget.flops) return *budget.flops / result_.flops_per_position;
    if (budget.hours) return *budget.hours * 3600 * request_.positions_per_second.value();
    return std::nullopt;
  }

  static double factor_of(std::int64_t bag_size, double share) {
    return 1 + share * static_cast<double>(bag_size - 1);
  }

  double positions_with(std::int64_t bag_size, double share) const {
    if (const auto paid = paid_positions()) return *paid;
    return static_cast<double>(*request_.budget.tokens) / factor_of(bag_size, share);
  }

  // Times that the text is read; 0 where it is not known.
  double epochs_with(std::int64_t bag_size, double share) const {
    if (!request_.budget.tokens) return 0;
    return positions_with(bag_size, share) * factor_of(bag_size, share) /
           static_cast<double>(*request_.budget.tokens);
  }

  void take_given_phases() {
    const auto& phases = config_.phases;
    const auto total = std::max<std::int64_t>(config_.train.steps, 1);
    result_.bag_size = result_.target_size = 1;
    result_.share = 0;
    double factor = 0;
    for (const superposition::PhaseConfig& phase : phases) {
      const double share = phase.share.value_or(static_cast<double>(phase.steps.value_or(0)) /
                                                static_cast<double>(total));
      result_.bag_size = std::max(result_.bag_size, phase.bag_size);
      result_.target_size =
          std::max(result_.target_size, phase.target_size.value_or(phase.bag_size));
      result_.share += share;
      factor += share * static_cast<double>(phase.bag_size - 1);
    }
    factor_ = 1 + factor;
    positions_ = paid_positions().value_or(
        request_.budget.tokens ? static_cast<double>(*request_.budget.tokens) / factor_ : 0);
    choose("phases", util::counted(std::ssize(phases), "phase"), kByUser, "");
  }

  void take(std::int64_t bag_size, std::int64_t target_size, double share) {
    result_.bag_size = bag_size;
    result_.target_size = target_size;
    result_.share = share;
    factor_ = factor_of(bag_size, share);
    positions_ = positions_with(bag_size, share);
    superposition::PhaseConfig phase{.share = share, .bag_size = bag_size};
    if (target_size != bag_size) phase.target_size = target_size;
    config_.phases.clear();
    if (target_size > 1) config_.phases.push_back(phase);
  }

  void choose_bags() {
    if (is_given("phases")) return take_given_phases();
    const std::int64_t s = record_->bag_size;
    const double r = record_->share;
    constexpr double kMost = train::kWorthwhileEpochs;
    const std::string read = util::fixed(epochs_with(s, r), 1);
    if (epochs_with(s, r) <= kMost) {
      take(s, s, r);
      const std::string rule = "those of " + std::string(record_->name);
      bags_ = {rule,
               record_->is_ours ? "docs/experiments/demo/README.md" : "arXiv 2605.06546, Table 1"};
    } else if (epochs_with(s, kSmallShare) <= kMost) {
      take(s, s, kSmallShare);
      bags_ = {"r = 0.1, as the text would be read " + read +
                   " times otherwise: it kept 86 to 89 % of the gain at s = 6",
               "arXiv 2605.06546, Tables 4 to 6; 4 epochs: arXiv 2305.16264, section 5"};
    } else {
      take(1, s, r);
      bags_ = {
          "output-only (single tokens in, s targets out), which needs no more text: with bags "
          "it would be read " +
              read + " times",
          "arXiv 2605.06546, section 7 and Figure 6; docs/experiments/replication/s1: 0.079, "
          "interval -0.087 to 0.245; 4 epochs: arXiv 2305.16264, section 5"};
    }
  }

  void choose_batch() {
    std::int64_t& batch = config_.train.batch_positions;
    const std::int64_t length = config_.train.sequence_length;
    if (is_given("train.batch_positions")) {
      choose("train.batch_positions", util::with_commas(batch), kByUser, "");
      return;
    }
    const std::int64_t largest = std::max<std::int64_t>(1, record_largest() / length);
    const std::int64_t smallest = std::max<std::int64_t>(1, kSmallestBatch / length);
    const double wanted = positions_ / static_cast<double>(kFewestSteps * length);
    const auto rows = static_cast<std::int64_t>(std::min(wanted, 9e15));
    const auto power = static_cast<std::int64_t>(
        std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(rows, 1))));
    batch = std::clamp(power, smallest, largest) * length;
    choose("train.batch_positions", util::with_commas(batch),
           "the largest power of two of rows that leaves 20,000 steps, from 1,024 positions up to "
           "the paper's",
           std::string(kOwnRule) +
               "; arXiv 2605.06546, Table 1: no run below 20,000 steps, section 4: 2M positions, "
               "8M with experts");
  }

  std::int64_t record_largest() const {
    return has_experts_ ? std::int64_t{1} << 23 : std::int64_t{1} << 21;
  }

  void choose_steps() {
    const double steps =
        std::floor(positions_ / static_cast<double>(config_.train.batch_positions));
    util::require(steps >= 1 && steps < 1e15, "plan: the budget must be enough for a step of ",
                  util::with_commas(config_.train.batch_positions), " positions, it pays for ",
                  util::format_count(static_cast<std::int64_t>(std::min(positions_, 9e15))));
    config_.train.steps = static_cast<std::int64_t>(steps);
  }

  void find_recovery() {
    const auto phases = superposition::make_phases(config_.phases, config_.train.steps);
    result_.recovery = Recovery::kNoSwitch;
    result_.recovery_steps = result_.recovery_positions = 0;
    const bool has_switch = phases.size() > 1 && phases.back().bags.is_ntp();
    if (!has_switch) return;
    result_.recovery_steps = phases.back().num_steps;
    result_.recovery_positions = result_.recovery_steps * config_.train.batch_positions;
    const Record& known = recovery_record();
    const std::int64_t steps = result_.recovery_steps;
    const bool is_behind =
        known.behind_after > 0 ? steps <= known.behind_after : steps < known.level_after;
    result_.recovery = is_behind                   ? Recovery::kTooShort
                       : steps < known.level_after ? Recovery::kUncertain
                                                   : Recovery::kEnough;
  }

  const Record& recovery_record() const { return *record_; }

  void drop_bags_if_too_short() {
    find_recovery();
    short_steps_ = result_.recovery_steps;
    short_positions_ = result_.recovery_positions;
    const std::string steps = util::with_commas(short_steps_);
    if (result_.recovery == Recovery::kUncertain) {
      warn("whether " + steps + " steps after the switch are enough is not known: " +
           std::string(record_->recovery_source));
    }
    if (result_.recovery != Recovery::kTooShort) return;
    const std::string why =
        "too short to recover: " + steps + " steps (" + util::format_count(short_positions_) +
        " positions) would follow the switch; " + std::string(record_->recovery_source);
    warn(why);
    if (is_given("phases")) return;
    take(1, 1, 0);
    choose_steps();
    bags_ = {"no superposition: " + steps + " steps after the switch are too few",
             std::string(record_->recovery_source)};
  }

  void warn(const std::string& text) { result_.warnings.push_back(text); }

  void choose_schedule() {
    optim::OptimConfig& optim = config_.optim;
    choose("train.steps", util::with_commas(config_.train.steps), "budget / positions of a step",
           request_.budget.flops || request_.budget.hours
               ? "FLOPs of a position: docs/architecture.md, src/model/accounting.h"
               : "raw tokens = 1 + r (s - 1) times the baseline's (arXiv 2605.06546, section 3.1), "
                 "read once");
    if (!is_given("phases")) {
      choose("phases[0].bag_size", std::to_string(result_.bag_size), bags_.rule, bags_.source);
      choose("phases[0].target_size", std::to_string(result_.target_size), bags_.rule,
             bags_.source);
      choose("phases[0].share", util::fixed(result_.share, 2), bags_.rule, bags_.source);
    }
    const auto set = [&](const char* key, auto& value, auto choice, const std::string& rule) {
      const bool given = is_given(key);
      if (!given) value = choice;
      const auto number = static_cast<double>(value);
      choose(key,
             number >= 1 ? util::with_commas(static_cast<std::int64_t>(number))
                         : util::format_double(number),
             given ? kByUser : rule, given ? "" : record_->schedule_source);
    };
    const std::string name(record_->name);
    const bool has_bags = result_.target_size > 1;
    set("optim.learning_rate", optim.learning_rate,
        has_bags ? record_->learning_rate : record_->baseline_rate,
        "that of " + name + (has_bags ? "" : " without superposition") + "; rates do not transfer");
    set("optim.warmup_steps", optim.warmup_steps,
        std::min(
            record_->warmup_steps,
            static_cast<std::int64_t>(kWarmupShare * static_cast<double>(config_.train.steps))),
        "that of " + name + ", and a tenth of the steps at most");
    set("optim.decay_share", optim.decay_share, record_->decay_share, "that of " + name);
    if (!is_given("optim.learning_rate")) {
      warn(
          "rates do not transfer across widths, batches and lengths, and no rule for it has been "
          "checked here: try " +
          util::format_double(optim.learning_rate / 2) + ", " +
          util::format_double(optim.learning_rate) + " and " +
          util::format_double(optim.learning_rate * 2) +
          " for each arm (compare.learning_rates), on a shorter run");
    }
  }

  void finish() {
    const auto positions = static_cast<double>(config_.train.steps) *
                           static_cast<double>(config_.train.batch_positions);
    result_.flops = positions * result_.flops_per_position;
    result_.positions_per_second = request_.positions_per_second;
    result_.baseline_tokens = static_cast<std::int64_t>(positions);
    const auto phases = superposition::make_phases(config_.phases, config_.train.steps);
    result_.raw_tokens =
        superposition::raw_tokens_before(phases, config_.train.steps, config_.train.step_size());
    std::int64_t superposed = 0;
    for (const superposition::Phase& phase : phases) {
      if (!phase.bags.is_ntp()) superposed += phase.num_steps;
    }
    result_.share = static_cast<double>(superposed) / static_cast<double>(config_.train.steps);
    result_.record = record_;
    const auto size = static_cast<double>(result_.parameters);
    const auto steps = static_cast<double>(config_.train.steps);
    for (const bool ours : {false, true}) {
      if (const Record* record = nearest(size, has_experts_, steps, ours)) {
        result_.quoted.push_back(record);
      }
    }
    const double ratio = size / record_->parameters;
    if (std::abs(std::log(ratio)) > std::log(3)) {
      warn("the nearest record is of " +
           util::format_count(static_cast<std::int64_t>(record_->parameters)) + " parameters, " +
           util::fixed(std::max(ratio, 1 / ratio), 1) + " times " +
           (ratio > 1 ? "smaller" : "larger") + ": its settings and its gain need not hold here");
    }
    if (result_.tokens_at_hand) {
      const double epochs =
          static_cast<double>(result_.raw_tokens) / static_cast<double>(*result_.tokens_at_hand);
      if (epochs > train::kWorthwhileEpochs) {
        warn("the text is read " + util::fixed(epochs, 1) +
             " times: beyond 4 epochs that adds little (arXiv 2305.16264, section 5)");
      }
    }
    result_.config = std::move(config_);
  }

  struct Reason {
    std::string rule, source;
  };

  const Request& request_;
  train::RunConfig config_;
  Proposal result_;
  const Record* record_ = nullptr;
  bool has_experts_ = false;
  double positions_ = 0;  // that are computed
  double factor_ = 1;
  std::int64_t short_steps_ = 0, short_positions_ = 0;
  Reason bags_;
};

}  // namespace

Proposal propose(const Request& request) {
  const Budget& budget = request.budget;
  util::require(budget.flops || budget.hours || budget.tokens,
                "plan: needs a budget, --flops, --hours or --tokens");
  return Planner(request).propose();
}

}  // namespace superpose::planner
