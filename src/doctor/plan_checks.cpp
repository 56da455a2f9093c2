// What the plan of a run has found (train/plan_checks.h), sorted into checks.
#include <algorithm>
#include <initializer_list>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

// Failed where one of these is an error, else a warning where there is one.
Outcome from_findings(const train::Plan& plan, std::initializer_list<train::Check> which,
                      std::string found) {
  Outcome outcome{.found = std::move(found)};
  for (const train::Finding& finding : plan.findings) {
    if (std::find(which.begin(), which.end(), finding.check) == which.end()) continue;
    const bool is_error = finding.severity == train::Severity::kError;
    if (is_error) outcome.status = Status::kFailed;
    if (outcome.status == Status::kPassed) outcome.status = Status::kWarning;
    outcome.next_step += (outcome.next_step.empty() ? "" : "; ") + finding.text;
  }
  return outcome;
}

std::string bytes(std::int64_t count) {
  return util::format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(0, count)));
}

}  // namespace

Outcome check_text(Subject& subject) {
  const train::Plan& plan = *subject.plan;
  return from_findings(plan,
                       {train::Check::kStart, train::Check::kTokenizer, train::Check::kHeldOut,
                        train::Check::kEpochs, train::Check::kTasks},
                       util::format_count(plan.raw_tokens_needed) + " raw tokens needed (" +
                           util::fixed(plan.raw_tokens_factor, 2) + " times the baseline's), " +
                           util::format_count(plan.raw_tokens_at_hand) +
                           " available: " + util::fixed(plan.epochs, 2) + " epochs");
}

Outcome check_schedule(Subject& subject) {
  const train::Plan& plan = *subject.plan;
  std::string found = util::with_commas(plan.total_steps) + " steps, warm-up " +
                      util::with_commas(plan.warmup_steps);
  if (plan.decay_steps > 0) found += ", decay over the last " + util::with_commas(plan.decay_steps);
  if (plan.switch_step) {
    found += "; " + util::with_commas(plan.recovery_steps) + " steps after the switch";
  }
  return from_findings(plan,
                       {train::Check::kWarmup, train::Check::kRecovery,
                        train::Check::kSuperposedEnd, train::Check::kUndecayedEnd},
                       found);
}

Outcome check_machine(Subject& subject) {
  const train::Plan& plan = *subject.plan;
  return from_findings(plan,
                       {train::Check::kDevice, train::Check::kPrecision, train::Check::kThreads,
                        train::Check::kMemory},
                       plan.compute + "; " + bytes(plan.memory.total()) + " of memory expected, " +
                           bytes(plan.machine_memory.bytes) + " here");
}

Outcome check_disk(Subject& subject) {
  const train::Plan& plan = *subject.plan;
  const train::DiskPlan& disk = plan.disk;
  return from_findings(plan, {train::Check::kFirstCheckpoint, train::Check::kCheckpoints},
                       util::counted(disk.checkpoints.at_once, "checkpoint") + " of " +
                           bytes(disk.checkpoint_bytes) + " at once, " + bytes(disk.free_bytes) +
                           " free");
}

}  // namespace superpose::doctor
