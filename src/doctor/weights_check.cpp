// The weights that the run begins with are there, and are numbers.
#include <ATen/ops/isfinite.h>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "model/initialize.h"
#include "train/checkpoints.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

bool is_too_large(const train::Plan& plan) {
  for (const train::Finding& finding : plan.findings) {
    if (finding.check == train::Check::kMemory && finding.severity == train::Severity::kError) {
      return true;
    }
  }
  return false;
}

// As a run does, and says from where.
std::string fill(const train::Setup& setup, const train::RunConfig& config,
                 distributed::Collective& ranks, train::Learner& learner) {
  if (setup.start.kind != train::Start::Kind::kFresh) {
    load_checkpoint(setup.start.checkpoint, learner, setup.start.state, ranks);
    return "of " + setup.start.checkpoint.string();
  }
  if (setup.initial) {
    load_initial_weights(*setup.initial, setup.model, learner.parameters, ranks);
    return "of " + setup.initial->folder.string();
  }
  model::initialize(learner.parameters, setup.model, static_cast<std::uint64_t>(config.train.seed));
  return "new, of seed " + std::to_string(config.train.seed);
}

}  // namespace

Outcome check_weights(Subject& subject) {
  if (is_too_large(*subject.plan)) {
    return {Status::kNotTried, "the model does not fit into this machine's memory",
            "run the doctor where it is to be trained"};
  }
  const train::Setup& setup = *subject.setup;
  const train::RunConfig& config = subject.spec.config;
  auto learner = std::make_unique<train::Learner>(setup.model, config.optim, setup.precision,
                                                  setup.device, train::decoder_options(config));
  const std::string origin = fill(setup, config, subject.alone, *learner);
  for (const model::Parameter& parameter : learner->parameters.list()) {
    util::require(at::isfinite(learner->parameters.view(parameter.name)).all().item<bool>(),
                  parameter.name, ": must hold finite numbers, ", origin);
  }
  subject.learner = std::move(learner);
  return {.found = util::format_count(subject.plan->parameters) + " parameters, " + origin};
}

}  // namespace superpose::doctor
