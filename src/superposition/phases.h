// The phases of a run: from a recipe's [[phases]] to ranges of steps with one bag and target size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "superposition/objective.h"
#include "superposition/slot_weights.h"
#include "superposition/windows.h"

namespace superpose::superposition {

// What the next phase takes over when a phase ends.
//   kWeights  the optimizer's states and its count of updates start from zero
//   kLayers   embedding and head are drawn again, as in the paper's Table 2; the states stay
enum class Handover { kAll, kWeights, kLayers };
inline constexpr std::array<std::string_view, 3> kHandoverNames = {"all", "weights", "layers"};

// How the tokens of a row are put into bags. kShuffled: in a random order of the whole row, another
// one for each row, so that a bag holds no neighbouring tokens.
enum class BagOrder { kContiguous, kShuffled };
inline constexpr std::array<std::string_view, 2> kBagOrderNames = {"contiguous", "shuffled"};

// What a step works on, all ranks together.
struct StepSize {
  std::int64_t rows = 1;
  std::int64_t sequence_length = 1;  // positions per row

  std::int64_t positions() const { return rows * sequence_length; }
  bool operator==(const StepSize&) const = default;
};

// One entry of a recipe's [[phases]].
struct PhaseConfig {
  std::optional<double> share = std::nullopt;
  std::optional<std::int64_t> steps = std::nullopt;
  std::int64_t bag_size = 1;
  std::optional<std::int64_t> target_size = std::nullopt;
  Objective objective = Objective::kMultiHot;
  SlotWeighting slot_weighting = SlotWeighting::kUniform;
  std::vector<double> slot_weights = {};
  std::map<std::string, std::string> weights = {};
  std::optional<std::int64_t> sequence_length = std::nullopt;
  std::optional<std::int64_t> batch_positions = std::nullopt;
  BagOrder bag_order = BagOrder::kContiguous;
  Handover handover = Handover::kAll;

  bool operator==(const PhaseConfig&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("share", self.share, "length as a share of train.steps; give this or steps");
    v.field("steps", self.steps, "length in optimizer steps; give this or share");
    v.field("bag_size", self.bag_size, "tokens averaged into one input position; 1 = off");
    v.field("target_size", self.target_size, "tokens predicted at each position; auto = bag_size");
    v.added().choice("objective", self.objective, kObjectiveNames,
                     "loss of a position's targets: multi_hot = cross-entropy of each, set_sum = "
                     "-log of the probability of all of them together");
    v.choice("slot_weighting", self.slot_weighting, kSlotWeightingNames,
             "weight of the i-th target: 1, 1/i, e^-(i-1), or slot_weights");
    v.field("slot_weights", self.slot_weights,
            "for slot_weighting = \"explicit\": target_size numbers, normalised to sum 1");
    v.field(
        "weights", self.weights,
        "share of the tokens of each [[mixture]] source in this phase, {name = number}, unnamed "
        "ones 0; empty = the sources' own");
    v.added().field("sequence_length", self.sequence_length,
                    "positions per row in this phase; auto = train.sequence_length");
    v.added().field(
        "batch_positions", self.batch_positions,
        "positions per step in this phase, all ranks together; auto = "
        "train.batch_positions. Fewer of them make cheaper steps, as in patch training");
    v.added().choice(
        "bag_order", self.bag_order, kBagOrderNames,
        "contiguous, or shuffled = bags of tokens drawn from the whole row: a control");
    v.added().choice("handover", self.handover, kHandoverNames,
                     "what the next phase takes over: all; weights = not the optimizer's state; "
                     "layers = embedding and head are drawn again. Both are controls: they lose");
  }

  // Throws util::Error "<key>: rule, got value" (key relative to the entry).
  void validate() const;
};

// A range of steps with one bag size and one target size.
struct Phase {
  std::int64_t first_step = 0;
  std::int64_t num_steps = 0;
  BagShape bags = {};
  Objective objective = Objective::kMultiHot;
  std::vector<double> slot_weights = {1.0};  // [b], sum 1
  // Shares of the data's sources by name, not scaled; empty = as everywhere else.
  std::map<std::string, double> weights = {};
  // Those of the run where there is nothing.
  std::optional<std::int64_t> sequence_length = std::nullopt;
  std::optional<std::int64_t> batch_positions = std::nullopt;
  BagOrder bag_order = BagOrder::kContiguous;
  Handover handover = Handover::kAll;  // at its end

  std::int64_t end_step() const { return first_step + num_steps; }
  bool operator==(const Phase&) const = default;
};

// The phases of a run of `total_steps`, in order and without a gap: those of the list, then
// next-token prediction for whatever is left. Phase k of the list ends at
//
//   floor(steps of entries <= k + total_steps * shares of entries <= k + 1e-9)
//
// so shares that add up to 1 fill the run, and one alone is floor(share * total_steps). Phases of
// length zero are dropped. Throws util::Error where an entry is invalid ("phases[1].share: ...") or
// the list is longer than the run.
std::vector<Phase> make_phases(std::span<const PhaseConfig> configs, std::int64_t total_steps);

// Index in `phases` of the phase that holds a step; throws util::Error unless 0 <= step < total
// steps.
std::size_t phase_index_at(std::span<const Phase> phases, std::int64_t step);
const Phase& phase_at(std::span<const Phase> phases, std::int64_t step);

// What step `step` takes over from the one before: of the phase that ended there, if one did.
Handover handover_before(std::span<const Phase> phases, std::int64_t step);

// A step of this phase in a run whose steps have size `run` elsewhere. Throws util::Error
// "batch_positions: rule, got value" where the phase's rows do not fill it.
StepSize size_of(const Phase& phase, const StepSize& run);

// Rows of this phase that hold as many positions as `rows` of the run, one at least: what goes
// through the model at once.
std::int64_t rows_at_once(const Phase& phase, std::int64_t rows, const StepSize& run);

// Rows and positions of steps [0, end_step).
std::int64_t rows_before(std::span<const Phase> phases, std::int64_t end_step, const StepSize& run);
std::int64_t positions_before(std::span<const Phase> phases, std::int64_t end_step,
                              const StepSize& run);

// Raw tokens that steps [0, end_step) read: each step reads bag_size tokens for each of its
// positions (all rows, all ranks). A target beyond the last bag of a row is read again as input by
// the lane's next row, so it is not counted.
std::int64_t raw_tokens_before(std::span<const Phase> phases, std::int64_t end_step,
                               const StepSize& run);

}  // namespace superpose::superposition
