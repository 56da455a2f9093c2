#include "train/plan_checks.h"

#include <algorithm>
#include <sstream>

#include "util/error.h"
#include "util/text.h"

namespace superpose::train {
namespace {

std::string bytes_at_hand(std::int64_t count) {
  return util::format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(0, count)));
}

std::string percent_to_tenths(double share) { return util::fixed(100 * share, 1) + " %"; }

class Checks {
 public:
  explicit Checks(const Plan& plan) : plan_(plan) {}

  std::vector<Finding> all() {
    for (const std::string& warning : plan_.start_warnings) warn(Check::kStart, warning);
    for (const std::string& line : plan_.untrained_tokens) warn(Check::kTokenizer, line);
    check_held_out();
    check_device();
    check_threads();
    check_memory();
    check_disk();
    check_schedule();
    check_end();
    check_epochs();
    check_tasks();
    return std::move(findings_);
  }

 private:
  template <class... Parts>
  void warn(Check check, const Parts&... parts) {
    add(check, Severity::kWarning, parts...);
  }
  template <class... Parts>
  void fail(Check check, const Parts&... parts) {
    add(check, Severity::kError, parts...);
  }
  template <class... Parts>
  void add(Check check, Severity severity, const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    findings_.push_back({check, severity, text.str()});
  }

  void check_held_out() {
    if (!plan_.holds_out) return;
    for (const PlannedCorpus& corpus : plan_.corpora) {
      if (corpus.held_out_documents > 0) continue;
      warn(Check::kHeldOut, "source ", corpus.name,
           " has no held-out text, so the validation loss does not cover it; raise "
           "data.validation_share, or give it a [[validation]] set");
    }
  }

  void check_device() {
    if (plan_.on_cuda) {
      warn(Check::kDevice,
           "the authors have not run this program on CUDA: \"superpose selftest --device cuda\" "
           "says in a minute or two whether it computes the right thing here");
    }
    if (plan_.emulates_bf16) {
      warn(Check::kPrecision,
           "train.precision is bf16, and this CPU does not multiply bf16 natively: f32 is faster "
           "here");
    }
  }

  void check_threads() {
    const std::int64_t threads = plan_.threads * plan_.local_ranks;
    const std::int64_t cores = plan_.cores.count();
    if (threads <= cores) return;
    std::ostringstream limit;
    limit << util::counted(cores, "core");
    if (cores < plan_.cores.allowed) limit << " (CPU quota " << *plan_.cores.quota << ")";
    if (plan_.local_ranks > cores) {
      warn(Check::kThreads, plan_.local_ranks, " ranks share ", limit.str(),
           " of this machine and wait for each other: start at most ", cores);
    } else {
      warn(Check::kThreads, "train.threads: ", util::counted(plan_.threads, "thread"),
           plan_.local_ranks > 1 ? " in each of " + std::to_string(plan_.local_ranks) + " ranks"
                                 : "",
           " on ", limit.str(), ": slower than one per core; use 0 for all cores");
    }
  }

  void check_memory() {
    const util::Memory& machine = plan_.machine_memory;
    if (plan_.on_cuda || machine.bytes == 0) return;
    const std::string here =
        bytes_at_hand(machine.bytes) +
        (machine.is_group_limit ? " that its control group allows" : " of this machine");
    constexpr const char* kAdvice =
        "; lower train.micro_batch, set train.recompute_every = 1, or take a smaller model";
    // What is held in tensors at once follows from closed forms; the rest is an estimate, and the
    // corpus's pages are given back where memory is short.
    const std::int64_t tensors =
        plan_.local_ranks * (plan_.memory.state + plan_.memory.activations);
    const std::int64_t total = plan_.local_ranks * (plan_.memory.total() - plan_.memory.corpus);
    if (tensors > machine.bytes + machine.swap_bytes) {
      fail(Check::kMemory, "memory: weights, optimizer and activations of ",
           util::counted(plan_.local_ranks, "rank"), " take ", bytes_at_hand(tensors),
           ", more than the ", here, machine.swap_bytes > 0 ? " and its swap" : "", kAdvice);
    } else if (total > machine.bytes) {
      warn(Check::kMemory, "memory: ", util::counted(plan_.local_ranks, "rank"), " may take ",
           bytes_at_hand(total), ", more than the ", here, ": the system may kill the run",
           kAdvice);
    }
  }

  void check_disk() {
    const DiskPlan& disk = plan_.disk;
    if (plan_.first_step >= plan_.last_step) return;  // nothing left to be written
    const std::string free = bytes_at_hand(disk.free_bytes) + " are free in " + plan_.run_folder;
    if (disk.checkpoint_bytes > disk.free_bytes) {
      fail(Check::kFirstCheckpoint, "disk: a checkpoint takes ",
           bytes_at_hand(disk.checkpoint_bytes), ", and ", free,
           ": make room, or set run.dir to another disk");
    } else if (disk.bytes_to_come() > disk.free_bytes) {
      warn(Check::kCheckpoints, "disk: the checkpoints may take ",
           bytes_at_hand(disk.bytes_to_come()), " more (", disk.checkpoints.at_once, " of ",
           bytes_at_hand(disk.checkpoint_bytes), " at once), and ", free,
           ": the run ends where it cannot save; make room, lower checkpoint.keep (0 keeps all) or "
           "raise checkpoint.every");
    }
  }

  void check_schedule() {
    if (plan_.highest_rate_share < 1) {
      const std::int64_t stable = plan_.total_steps - plan_.decay_steps;
      warn(Check::kWarmup, "optim.warmup_steps: a warm-up of ",
           util::counted(plan_.warmup_steps, "step"),
           plan_.warmup_steps > plan_.total_steps
               ? " is longer than the run of " + std::to_string(plan_.total_steps)
               : " reaches into the decay (from step " + std::to_string(stable) + ")",
           ": the learning rate gets to ", percent_to_tenths(plan_.highest_rate_share),
           " of its peak at most; set it below ", std::max<std::int64_t>(1, stable));
    }
    const bool in_decay = plan_.switch_part == SchedulePart::kDecay && plan_.decay_steps > 0;
    if (!plan_.switch_step) return;
    const std::string follow = util::counted(plan_.recovery_steps, "step") +
                               (plan_.recovery_steps == 1 ? " follows" : " follow");
    if (in_decay) {
      warn(Check::kRecovery, "the switch to next-token training falls into the decay, and ", follow,
           ": expect no gain; shorten the superposed phase or lower optim.decay_share");
    } else if (plan_.recovery_steps < kRecoverySteps) {
      warn(Check::kRecovery, "only ", follow, " the switch to next-token training (fewer than ",
           util::with_commas(kRecoverySteps),
           "): expect no gain; raise train.steps or shorten the superposed phase");
    }
  }

  // How the run ends where it does not stop on its way for others to branch from.
  void check_end() {
    const std::int64_t end = plan_.stops_with_data ? plan_.last_step : plan_.total_steps;
    const std::string because = plan_.stops_with_data
                                    ? "data.when_exhausted = \"stop\": the data lasts for " +
                                          std::to_string(end) + " of " +
                                          util::counted(plan_.total_steps, "step") + "; "
                                    : "";
    constexpr const char* kMoreText = ": give more text, fewer steps or smaller bags";
    if (!superposition::phase_at(plan_.phases, end - 1).bags.is_ntp()) {
      warn(Check::kSuperposedEnd, because,
           "the run ends superposed, and without a phase of next-token prediction after it the "
           "model is not an ordinary language model",
           plan_.stops_with_data ? kMoreText : "");
    }
    if (plan_.stops_with_data && plan_.end_rate_share > plan_.final_rate_share) {
      const std::int64_t decay_begins = plan_.total_steps - plan_.decay_steps;
      warn(Check::kUndecayedEnd, because, "the learning rate is still at ",
           percent_to_tenths(plan_.end_rate_share), " of its peak then",
           plan_.decay_steps > 0 && end <= decay_begins
               ? ", before the decay (from step " + std::to_string(decay_begins) + ")"
               : "",
           ", so the model is worse than a finished one", kMoreText);
    }
  }

  void check_epochs() {
    const auto check = [this](const std::string& who, double epochs) {
      if (epochs <= kWorthwhileEpochs) return;
      warn(Check::kEpochs, who, " read ", util::fixed(epochs, 1), " times: beyond ",
           kWorthwhileEpochs,
           " epochs text that is read again adds little (arXiv 2305.16264); give "
           "more text, fewer steps or smaller bags");
    };
    if (plan_.sources.empty()) check("the corpus is", plan_.epochs);
    for (const data::SourceUsage& source : plan_.sources) {
      check("mixture source " + source.name + " is", source.phases.back().epochs);
    }
  }

  void check_tasks() {
    for (const PlannedTask& task : plan_.tasks) {
      if (task.cut_contexts == 0) continue;
      warn(Check::kTasks, "task ", task.name, ": ", util::counted(task.cut_contexts, "context"),
           " will be cut from the left, as the model reads at most ", task.longest,
           " tokens (train.sequence_length)");
    }
  }

  const Plan& plan_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_plan(const Plan& plan) { return Checks(plan).all(); }

std::string errors_of(const std::vector<Finding>& findings) {
  std::vector<std::string> texts;
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::kError) texts.push_back(finding.text);
  }
  return util::join(texts, "; ");
}

std::vector<std::string> end_remarks(const Plan& plan) {
  std::vector<std::string> remarks;
  for (const Finding& finding : plan.findings) {
    if (finding.check == Check::kSuperposedEnd || finding.check == Check::kUndecayedEnd) {
      remarks.push_back(finding.text);
    }
  }
  return remarks;
}

}  // namespace superpose::train
