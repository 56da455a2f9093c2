#include "superposition/phases.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "util/error.h"
#include "util/text.h"

namespace superpose::superposition {
namespace {

// Guards floor() against a product such as 0.3 * 10 that rounds to just below a whole number.
constexpr double kFloorSlack = 1e-9;

std::int64_t target_size_of(const PhaseConfig& config) {
  return config.target_size.value_or(config.bag_size);
}

// The recipe keeps the text of each value (config: a map of dotted keys).
std::map<std::string, double> source_weights(const std::map<std::string, std::string>& texts) {
  std::map<std::string, double> weights;
  double sum = 0;
  for (const auto& [name, text] : texts) {
    double& weight = weights[name];
    const char* end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, weight);
    util::require(error == std::errc() && read == end && std::isfinite(weight) && weight >= 0,
                  "weights: ", name, " must be a number >= 0, got ", text);
    sum += weight;
  }
  util::require(texts.empty() || sum > 0, "weights: one of them must be > 0, got 0 for all");
  return weights;
}

// Of each step before `end_step`.
template <class OfStep>
std::int64_t sum_before(std::span<const Phase> phases, std::int64_t end_step,
                        const OfStep& of_step) {
  std::int64_t total = 0;
  for (const Phase& phase : phases) {
    const std::int64_t steps =
        std::clamp<std::int64_t>(end_step - phase.first_step, 0, phase.num_steps);
    total += steps * of_step(phase);
  }
  return total;
}

}  // namespace

void PhaseConfig::validate() const {
  util::require(!(share && steps), "share: give share or steps, got both");
  util::require(share || steps, "share: give share or steps, got neither");
  util::require(!share || (*share >= 0.0 && *share <= 1.0), "share: must be in [0, 1], got ",
                share.value_or(0.0));
  util::require(!steps || *steps >= 0, "steps: must be >= 0, got ", steps.value_or(0));
  util::require(bag_size >= 1, "bag_size: must be >= 1, got ", bag_size);
  util::require(!target_size || *target_size >= 1, "target_size: must be >= 1, got ",
                target_size.value_or(0));
  if (const ObjectiveTraits& traits = traits_of(objective); traits.terms != Terms::kOfTargets) {
    util::require(slot_weights.empty(), "slot_weights: must be empty with objective \"",
                  traits.name, "\", which has no terms of slots, got ", slot_weights.size(),
                  " numbers");
    util::require(slot_weighting == SlotWeighting::kUniform,
                  "slot_weighting: must be \"uniform\" with objective \"", traits.name,
                  "\", which has no terms of slots, got \"",
                  kSlotWeightingNames[static_cast<std::size_t>(slot_weighting)], '"');
  }
  util::require(!sequence_length || *sequence_length >= 1, "sequence_length: must be >= 1, got ",
                sequence_length.value_or(0));
  util::require(!batch_positions || *batch_positions >= 1, "batch_positions: must be >= 1, got ",
                batch_positions.value_or(0));
  make_slot_weights(slot_weighting, target_size_of(*this), slot_weights);
  source_weights(weights);
}

std::vector<Phase> make_phases(std::span<const PhaseConfig> configs, std::int64_t total_steps) {
  util::require(total_steps >= 1, "train.steps: must be >= 1, got ", total_steps);
  std::vector<Phase> phases;
  std::int64_t steps_so_far = 0;
  double share_so_far = 0.0;
  std::int64_t first = 0;
  const auto append = [&](std::int64_t end, Phase phase) {
    phase.first_step = first;
    phase.num_steps = end - first;
    if (end > first) phases.push_back(std::move(phase));
    first = end;
  };

  for (std::size_t i = 0; i < configs.size(); ++i) {
    const PhaseConfig& config = configs[i];
    try {
      config.validate();
    } catch (const util::Error& error) {
      util::fail("phases[", i, "].", error.what());
    }
    steps_so_far += config.steps.value_or(0);
    share_so_far += config.share.value_or(0.0);
    const double from_shares = share_so_far * static_cast<double>(total_steps);
    const double end = std::floor(static_cast<double>(steps_so_far) + from_shares + kFloorSlack);
    util::require(end <= static_cast<double>(total_steps), "phases[", i,
                  "]: the phases up to here take ", util::fixed(end, 0),
                  " steps, more than train.steps = ", total_steps);
    const std::int64_t target_size = target_size_of(config);
    append(
        static_cast<std::int64_t>(end),
        {.bags = {config.bag_size, target_size},
         .objective = config.objective,
         .slot_weights = make_slot_weights(config.slot_weighting, target_size, config.slot_weights),
         .weights = source_weights(config.weights),
         .sequence_length = config.sequence_length,
         .batch_positions = config.batch_positions,
         .bag_order = config.bag_order,
         .handover = config.handover});
  }
  append(total_steps, {});
  return phases;
}

std::size_t phase_index_at(std::span<const Phase> phases, std::int64_t step) {
  const auto after = std::upper_bound(
      phases.begin(), phases.end(), step,
      [](std::int64_t value, const Phase& phase) { return value < phase.end_step(); });
  util::require(step >= 0 && after != phases.end(), "phases: step must be in [0, ",
                phases.empty() ? 0 : phases.back().end_step(), "), got ", step);
  return static_cast<std::size_t>(after - phases.begin());
}

const Phase& phase_at(std::span<const Phase> phases, std::int64_t step) {
  return phases[phase_index_at(phases, step)];
}

Handover handover_before(std::span<const Phase> phases, std::int64_t step) {
  for (const Phase& phase : phases) {
    if (phase.end_step() == step) return phase.handover;
  }
  return Handover::kAll;
}

StepSize size_of(const Phase& phase, const StepSize& run) {
  StepSize size;
  size.sequence_length = phase.sequence_length.value_or(run.sequence_length);
  const std::int64_t positions = phase.batch_positions.value_or(run.positions());
  size.rows = positions / size.sequence_length;
  util::require(size.rows >= 1 && size.positions() == positions,
                "batch_positions: must be a multiple of the phase's sequence_length (",
                size.sequence_length, "), got ", positions);
  return size;
}

std::int64_t rows_at_once(const Phase& phase, std::int64_t rows, const StepSize& run) {
  const std::int64_t positions = rows * run.sequence_length;
  return std::max<std::int64_t>(1, positions / size_of(phase, run).sequence_length);
}

std::int64_t rows_before(std::span<const Phase> phases, std::int64_t end_step,
                         const StepSize& run) {
  return sum_before(phases, end_step, [&](const Phase& phase) { return size_of(phase, run).rows; });
}

std::int64_t positions_before(std::span<const Phase> phases, std::int64_t end_step,
                              const StepSize& run) {
  return sum_before(phases, end_step,
                    [&](const Phase& phase) { return size_of(phase, run).positions(); });
}

std::int64_t raw_tokens_before(std::span<const Phase> phases, std::int64_t end_step,
                               const StepSize& run) {
  return sum_before(phases, end_step, [&](const Phase& phase) {
    return size_of(phase, run).positions() * phase.bags.bag_size;
  });
}

}  // namespace superpose::superposition
