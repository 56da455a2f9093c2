// A fresh decoder knows nothing: its loss is near ln V, in every phase. Targets that are added up
// wrongly show here (ln V / s, s ln V).
//
// A state has norm sqrt(D) and the rows of the head std deviation `std`, so that a logit has
// variance D std^2, which adds half of it to the mean loss. A tied head sees the tokens of the bag
// itself: their logits are up to D std.
#include <algorithm>
#include <cmath>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "train/step.h"
#include "train/step_metrics.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

constexpr double kSlack = 0.25;      // nats: what few rows and a few layers move it by
constexpr double kTiedShare = 0.75;  // of ln V: a tied head may guess a repeated token

constexpr double kUsualStd = 0.02;  // model.init_std = auto (initialize.h)

struct Range {
  double low, high;
};

Range expected(const model::ModelConfig& model) {
  const double nothing = std::log(static_cast<double>(model.vocab_size));
  const double std = kUsualStd;  // a larger one shows as a loss that is too high
  const auto width = static_cast<double>(model.hidden_size);
  const double spread = nothing + width * std * std / 2;
  if (!model.tied()) return {nothing - kSlack, spread + kSlack};
  return {kTiedShare * nothing, std::max(spread, width * std) + std::log(2) + kSlack};
}

// The probability of a set is a sum of b: ln b less than that of a token.
double shift_of(const superposition::Phase& phase) {
  const bool is_set = phase.objective == superposition::Objective::kSetSum;
  return is_set ? std::log(static_cast<double>(phase.bags.target_size)) : 0;
}

double loss_of(Subject& subject, const superposition::Phase& phase) {
  train::Learner& learner = *subject.learner;
  const data::Batch batch = first_batch(subject, phase);
  train::StepInput input;
  input.objective = phase.objective;
  input.slot_weights = phase.slot_weights;
  input.micro_batch = batch.rows;
  learner.parameters.zero_gradient();
  train::accumulate_gradients(learner, batch, input);
  return train::StepMetrics(learner.parameters.mailbox()).read().float_of(train::Metric::kLoss);
}

}  // namespace

Outcome check_first_loss(Subject& subject) {
  const train::Setup& setup = *subject.setup;
  const bool is_fresh = setup.start.kind == train::Start::Kind::kFresh && !setup.initial;
  const Range range = expected(setup.model);
  Outcome outcome;
  for (const superposition::Phase& phase : setup.phases) {
    const double loss = loss_of(subject, phase);
    outcome.found +=
        (outcome.found.empty() ? "" : "; ") + describe(phase) + " " + util::fixed(loss, 3);
    // The model of a folder or checkpoint need not know bags yet.
    const double low = range.low - shift_of(phase);
    const bool is_right = is_fresh
                              ? loss >= low && loss <= range.high
                              : std::isfinite(loss) && (!phase.bags.is_ntp() || loss < range.high);
    if (is_right) continue;
    outcome.status = Status::kFailed;
  }
  outcome.found +=
      "; ln V is " + util::fixed(std::log(static_cast<double>(setup.model.vocab_size)), 3);
  if (outcome.status == Status::kFailed) {
    outcome.found +=
        ", expected " + util::fixed(range.low, 2) + " to " + util::fixed(range.high, 2);
    outcome.next_step = is_fresh
                            ? "set model.init_std to auto; if it is, report this with the recipe"
                            : "see that data.tokenizer is the one of these weights";
  }
  return outcome;
}

}  // namespace superpose::doctor
