// Everything that the report says, as numbers. Sign of every gain: positive = the arm's loss is
// lower than the baseline's. Losses are nats per token, next-token prediction, on held-out text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "metrics/reader.h"
#include "report/experiment.h"
#include "report/statistics.h"

namespace superpose::report {

// Which loss is quoted: the whole validation set, or half B where rates were chosen on half A.
enum class QuotedLoss { kWhole, kHalfA, kHalfB };

// One run with its trunk's part put in front.
struct Run {
  RunEntry entry;
  metrics::RunRecords records;
  bool finished = false;
  bool is_foreign = false;           // another trainer's: figures that it lacks are 0
  double flops = 0;                  // at the last validation point
  double final_loss = 0;             // as quoted
  bool quotes_final_scores = false;  // it is of FinalRecord, not of the last validation
  double tuning_loss = 0;            // half A
  double seconds = 0;                // steps alone, trunk's part included
  std::int64_t raw_tokens = 0;
  double epochs = 0;          // 0 = unknown
  std::string label() const;  // "tst, seed 1"
};

// How the equal-FLOP gain of a seed came about, from good to bad.
enum class Match { kEqual, kInterpolated, kUnmatched };

struct SeedGain {
  std::int64_t seed = 0;
  double baseline_loss = 0;
  double arm_loss = 0;
  double gain = 0;
  double baseline_flops = 0;
  double arm_flops = 0;
  double baseline_tokens = 0;  // raw
  double arm_tokens = 0;
  Match match = Match::kEqual;
};

// What the interval of a gain rests on.
enum class IntervalSource {
  kNone,         // there is no interval
  kSeeds,        // its own seeds, three or more: a t interval
  kNoiseFigure,  // a noise figure of an earlier comparison: a prediction interval
};

// The error that the choice of held-out documents leaves in a gain: 95 % interval of the paired
// difference over resampled documents. It says nothing about other seeds, and no verdict is read
// off it.
struct DocumentError {
  std::optional<double> low;
  std::optional<double> high;
  std::int64_t count = 0;  // documents with scored tokens
  std::string why_not;     // where there is no interval
};

// A figure over seeds: points and their mean always, an interval from three seeds on or with a
// noise figure.
struct GainOutcome {
  std::vector<SeedGain> seeds;
  SeedGain mean;      // of each figure over the seeds; the worst match
  Interval interval;  // of the gains
  IntervalSource source = IntervalSource::kNone;
  NoiseFigure noise;             // kNoiseFigure: the one in use
  std::optional<Spread> spread;  // of the gains; from two seeds on
  DocumentError documents;       // of the gain at equal FLOPs
  bool available = false;        // false: `why_not` says why ("not run: ...")
  std::string why_not;
};

// One seed's speed-up; a bound where the target lies outside the measured range.
enum class Bound { kExact, kAtLeast, kAtMost };
struct SeedSpeedUp {
  std::int64_t seed = 0;
  double target_loss = 0;
  double factor = 0;  // baseline's cost / arm's cost
  double baseline_cost = 0;
  double arm_cost = 0;
  Bound bound = Bound::kExact;
};

struct SpeedUpOutcome {
  std::vector<SeedSpeedUp> seeds;
  Interval interval;  // of the factors (taken as logarithms); only where no seed is a bound
  Bound bound = Bound::kExact;
  bool determined = true;  // false: bounds of both directions, no statement possible
  bool available = false;
  std::string why_not;
};

// Where an arm's validation curve gets below the baseline's, one seed. Ahead is side_of (text.h).
struct Crossing {
  std::int64_t seed = 0;
  std::int64_t switch_step = 0;             // 0: no switch to look behind
  std::optional<std::int64_t> first_ahead;  // step of the first point after the switch with a gain
  bool stays = false;                       // ahead at every later point too
};

struct GapPoint {
  std::int64_t step = 0;
  double positions = 0;
  double gap = 0;  // baseline's quoted loss - the arm's
};

// One arm against the baseline.
struct Comparison {
  std::string arm;
  double flops_ratio = 1;  // arm's FLOPs per position / baseline's; other than 1 is marked
  GainOutcome equal_flops;
  GainOutcome equal_raw_tokens;
  SpeedUpOutcome speed_up;            // primary: at the baseline's final loss at budget 1, in FLOPs
  SpeedUpOutcome speed_up_time;       // same, in time of the steps alone
  SpeedUpOutcome speed_up_secondary;  // at the arm's final loss at budget 1, in FLOPs
  SpeedUpOutcome speed_up_secondary_time;
  std::vector<Crossing> crossings;
  std::vector<std::pair<std::int64_t, std::vector<GapPoint>>> gaps;  // by seed
  std::string noise_block;  // TOML for a later recipe (noise.h); "" where there is none
};

struct RatePoint {
  double learning_rate = 0;
  std::optional<double> loss;  // half A; none = did not finish
};

struct RateGrid {
  std::string arm;
  std::vector<RatePoint> points;  // by rate
  std::optional<double> best;
  bool at_edge = false;
};

// What losses were measured on: the least and the most of the runs.
struct Measured {
  metrics::ScoredText least;
  metrics::ScoredText most;
};

// Below this the probe of copying (docs/formats/metrics.md) says that a model copies from its
// context, nats per token.
inline constexpr double kCopies = -0.5;

// The probe of copying in one run at budget 1.
struct SeedCopying {
  struct Check {
    std::int64_t step = 0;
    double copying = 0;
  };
  std::int64_t seed = 0;
  std::optional<std::int64_t> from_step;  // of the first check from which on all are below kCopies
  Check last;
  // The last check after step 0 that came no later than the decay of the learning rate; none where
  // there is none or the records do not say when it began.
  std::optional<Check> before_decay;
};

// What an arm's finished runs at budget 1 make of their context.
struct ContextUse {
  std::vector<SeedCopying> seeds;                  // those whose records have the probe
  std::vector<metrics::PositionLoss> by_position;  // mean over seeds; empty where one has none
};

// One arm's finished runs at budget 1, paired or not: means over its seeds.
struct ArmSummary {
  std::string name;
  bool superposed = false;
  std::int64_t seeds = 0;
  std::optional<double> mean_loss;           // as quoted
  std::optional<Spread> spread;              // of these losses over seeds
  std::optional<double> mean_bits_per_byte;  // whole validation set
  double raw_tokens = 0;
  double epochs = 0;  // 0 = unknown
  ContextUse context;
};

// One arm on one validation set: budget 1, mean over seeds, the whole set.
struct ArmScore {
  std::string arm;
  std::int64_t seeds = 0;
  double loss = 0;
  double perplexity = 0;  // exp(loss)
  std::optional<double> bits_per_byte;
  std::optional<Interval> gain;  // over the baseline, of the seeds that both have
};

struct SetSummary {
  std::string name;
  std::optional<Measured> measured;
  std::vector<ArmScore> arms;  // those that have a finished run
};

// One arm on one score of a task: budget 1, mean over seeds, when the runs were done.
struct ArmTaskScore {
  std::string arm;
  std::int64_t seeds = 0;
  double value = 0;
  std::optional<double> error;   // over items, mean over seeds
  std::optional<Interval> gain;  // over the baseline, of the seeds that both have; > 0 is better
};

struct TaskScoreSummary {
  std::string name;  // metrics::TaskRecord
  std::optional<double> chance;
  std::vector<ArmTaskScore> arms;  // those that have a run with this score
};

struct TaskSummary {
  std::string name;
  std::int64_t items = 0;
  std::string fingerprint;               // of the questions; runs that asked others take no part
  std::vector<TaskScoreSummary> scores;  // the primary one first
};

struct Analysis {
  Experiment experiment;
  QuotedLoss quoted = QuotedLoss::kWhole;
  std::optional<Measured> measured;  // the quoted losses at budget 1; none: a record does not say
  std::vector<Run> runs;             // finished and running ones that have records; trunks too
  std::vector<ArmSummary> arms;
  std::vector<Comparison> comparisons;  // one for each arm but the baseline
  std::vector<RateGrid> rate_grids;     // empty: no rates were searched
  std::vector<SetSummary> sets;         // the primary one first; empty: records name none
  std::vector<TaskSummary> tasks;       // that runs scored
  bool has_budgets = false;
  std::vector<std::string> warnings;  // such as a best rate at the edge of the grid
  std::vector<std::string> notes;

  // Finished results of an arm at one budget, by seed; the tuning seed is left out where there is a
  // grid.
  std::vector<const Run*> results(const std::string& arm, double budget) const;
  const ArmSummary* find_arm(const std::string& name) const;
};

}  // namespace superpose::report
