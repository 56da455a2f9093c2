// `superpose plan`: from a model and a budget to a recipe, each value with its rule and source.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "planner/records.h"
#include "train/run_config.h"
#include "util/json.h"

namespace superpose::planner {

// At least one is set; flops and hours exclude each other. `tokens` alone: the run reads the text
// once. With one of the others: what there is to read.
struct Budget {
  std::optional<double> flops;  // forward and backward, of the whole run
  std::optional<double> hours;  // of steps on this machine
  std::optional<std::int64_t> tokens;
};

struct Request {
  train::RunConfig config;      // model and data; and what is given
  std::int64_t vocabulary = 0;  // rows that the tokenizer needs
  Budget budget;
  // Keys whose values stay as they are: "train.batch_positions", "optim.learning_rate", "phases".
  std::set<std::string> given;
  std::optional<double> positions_per_second;  // measured here (speed.h); needed for hours
};

// A value of the recipe, why it is that, and who says so.
struct Choice {
  std::string key, value, rule, source;
};

// After the switch.
enum class Recovery { kNoSwitch, kEnough, kUncertain, kTooShort };
inline constexpr const char* kRecoveryNames[] = {"no switch", "enough", "uncertain", "too short"};

struct Proposal {
  train::RunConfig config;  // for `superpose train`
  std::int64_t parameters = 0, active_parameters = 0;
  double flops_per_position = 0;
  double flops = 0;  // of the run
  std::optional<double> positions_per_second;
  std::vector<Choice> choices;

  std::int64_t bag_size = 1, target_size = 1;
  double share = 0;                  // of the steps
  std::int64_t baseline_tokens = 0;  // what the same steps read without bags
  std::int64_t raw_tokens = 0;       // 1 + r (s - 1) times as many
  std::optional<std::int64_t> tokens_at_hand;

  std::int64_t recovery_steps = 0, recovery_positions = 0;
  Recovery recovery = Recovery::kNoSwitch;
  const Record* record = nullptr;     // whose settings these are
  std::vector<const Record*> quoted;  // nearest of the paper, and of this project
  std::vector<std::string> warnings;
};

// Throws util::Error for a budget that is not enough for one step, or a model that cannot be built.
Proposal propose(const Request& request);

void print(std::ostream& out, const Proposal& proposal);
util::Json to_json(const Proposal& proposal);

}  // namespace superpose::planner
