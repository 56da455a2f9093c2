#include "train/plan.h"

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <sstream>

#include "data/source_checks.h"
#include "model/accounting.h"
#include "optim/schedule.h"
#include "train/run.h"
#include "train/setup.h"
#include "util/files.h"
#include "util/text.h"

namespace superpose::train {
namespace {

// Weights and two moments, all f32.
constexpr std::int64_t kCheckpointBytesPerParameter = 12;

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g %%", 100 * share);
  return text;
}

std::string bytes(std::int64_t count) {
  return util::format_bytes(static_cast<std::uint64_t>(count));
}

std::string describe_model(const model::ModelConfig& model) {
  std::ostringstream text;
  text << "d " << model.hidden_size << ", " << model.num_layers << " layers, " << model.num_heads
       << " heads";
  if (model.num_kv_heads != model.num_heads) text << " (" << model.num_kv_heads << " kv)";
  text << ", ffn " << model.ffn_size << ", vocabulary " << model.vocab_size
       << (model.tied() ? ", tied" : "") << (model.has_qk_norm() ? ", qk norm" : "");
  return text.str();
}

// Why train.precision = "auto" became what it is.
std::string why_precision(const RunSpec& spec, const Setup& setup) {
  if (!setup.device.is_cpu()) return "auto on cuda";
  if (spec.machine.bf16.empty()) return "auto, and this CPU does not multiply bf16 natively";
  return "auto, and this CPU has " + spec.machine.bf16;
}

std::string describe_compute(const RunSpec& spec, const Setup& setup) {
  const Environment& environment = setup.environment;
  std::ostringstream text;
  text << environment.precision;
  if (spec.config.train.precision == Precision::kAuto) {
    text << " (" << why_precision(spec, setup) << ')';
  }
  text << " on " << environment.device;
  if (!spec.machine.isa.empty()) text << " with " << spec.machine.isa << " kernels";
  text << ", " << environment.threads << (environment.threads == 1 ? " thread, " : " threads, ")
       << environment.ranks << (environment.ranks == 1 ? " rank" : " ranks");
  return text.str();
}

SchedulePart part_at(const optim::OptimConfig& optim, std::int64_t step, std::int64_t total) {
  if (step < optim.warmup_steps) return SchedulePart::kWarmup;
  if (optim.schedule == optim::Schedule::kCosine) return SchedulePart::kDecay;
  return step >= total - optim::decay_steps(optim, total) ? SchedulePart::kDecay
                                                          : SchedulePart::kStable;
}

void plan_switch(const optim::OptimConfig& optim, Plan& plan) {
  plan.warmup_steps = optim.warmup_steps;
  plan.decay_steps = optim::decay_steps(optim, plan.total_steps);
  for (std::size_t index = 1; index < plan.phases.size(); ++index) {
    if (plan.phases[index].is_ntp() && !plan.phases[index - 1].is_ntp()) {
      plan.switch_step = plan.phases[index].first_step;
    }
  }
  if (!plan.switch_step) return;
  plan.recovery_steps = plan.total_steps - *plan.switch_step;
  plan.switch_part = part_at(optim, *plan.switch_step, plan.total_steps);
  plan.switch_rate_share =
      optim.learning_rate > 0
          ? optim::learning_rate_at(optim, *plan.switch_step, plan.total_steps) /
                optim.learning_rate
          : 0;
}

void plan_data(const RunSpec& spec, const Setup& setup, Plan& plan) {
  plan.raw_tokens_needed = superposition::raw_tokens_before(plan.phases, plan.total_steps,
                                                            spec.config.train.batch_positions);
  plan.raw_tokens_factor =
      static_cast<double>(plan.raw_tokens_needed) /
      static_cast<double>(plan.total_steps * spec.config.train.batch_positions);
  plan.raw_tokens_at_hand = setup.corpus.train_stats.tokens;
  plan.held_out_share = setup.corpus.held_out_share;
  plan.left_out_files = data::count_left_out(setup.corpus.sources);
  plan.left_out_documents = setup.corpus.left_out_documents;
  for (const eval::ValidationSet& set : setup.validation) {
    const bool has_both = set.half_a.num_windows() > 0 && set.half_b.num_windows() > 0;
    plan.validation.push_back(
        {set.name, set.num_documents, set.num_tokens, set.num_windows(), has_both});
  }
  plan.stops_with_data = setup.data_end_it;
  if (setup.source->sources().size() > 1) {
    plan.sources = data::read_through(*setup.source, setup.phases);
  } else {
    plan.first_epoch_ends_at = setup.source->exhaustion_step();
    if (setup.data_end_it) plan.first_epoch_ends_at = setup.source->data_end();
  }
  plan.epochs = setup.source->epoch_before(std::max(plan.first_step, plan.last_step));
}

MemoryInputs memory_inputs(const model::MemoryRequest& request, const RunSpec& spec,
                           const Setup& setup, const Plan& plan) {
  MemoryInputs inputs;
  inputs.model = model::estimate_memory(setup.model, request);
  inputs.request = request;
  inputs.rows_per_step = (plan.rows_per_step + plan.world_size - 1) / plan.world_size;
  inputs.steps = plan.total_steps;
  inputs.prefetch = spec.config.data.prefetch;
  inputs.raw_tokens = plan.raw_tokens_needed / plan.world_size;
  inputs.lanes = 0;
  for (const data::StreamLayout& layout : layouts_of(setup.start.state)) {
    inputs.lanes += layout.lanes;
  }
  inputs.train_tokens = plan.raw_tokens_at_hand;
  for (const PlannedSet& set : plan.validation) {
    inputs.validation_tokens += set.tokens;
    inputs.validation_windows += set.windows;
  }
  return inputs;
}

void plan_resources(const RunSpec& spec, const Setup& setup, Plan& plan) {
  const RunConfig& config = spec.config;
  model::MemoryRequest request;
  request.rows = plan.micro_batch;
  request.sequence_length = plan.sequence_length;
  request.recompute_every = config.train.recompute_every;
  request.bf16 = setup.precision == Precision::kBf16;
  for (const superposition::Phase& phase : plan.phases) {
    request.bag_size = std::max(request.bag_size, phase.bag_size);
    request.target_size = std::max(request.target_size, phase.target_size);
  }
  plan.memory = plan_memory(memory_inputs(request, spec, setup, plan));
  plan.checkpoint_bytes = plan.parameters * kCheckpointBytesPerParameter;
  std::int64_t kept = config.checkpoint.keep;
  if (kept == 0) {
    kept = 1 + (config.checkpoint.every > 0 ? plan.total_steps / config.checkpoint.every : 0);
  }
  // One more while the next is being written.
  kept += static_cast<std::int64_t>(spec.pinned_checkpoint_steps.size()) + 1;
  plan.disk_bytes = kept * plan.checkpoint_bytes;
  plan.free_disk_bytes = static_cast<std::int64_t>(util::free_disk_bytes(config.run.dir));
}

void add_warnings(const RunSpec& spec, const Setup& setup, Plan& plan) {
  plan.warnings = setup.start.warnings;
  if (!setup.device.is_cpu()) {
    plan.warnings.push_back(
        "the authors have not run this program on CUDA: \"superpose selftest --device cuda\" says "
        "in a minute or two whether it computes the right thing here");
  }
  if (setup.precision == Precision::kBf16 && setup.device.is_cpu() && spec.machine.bf16.empty()) {
    plan.warnings.push_back(
        "train.precision is bf16, and this CPU does not multiply bf16 natively: f32 is faster "
        "here");
  }
  const bool in_decay = plan.switch_part == SchedulePart::kDecay && plan.decay_steps > 0;
  if (plan.switch_step && (plan.recovery_steps < kRecoverySteps || in_decay)) {
    std::ostringstream text;
    text << "the switch leaves " << plan.recovery_steps << " steps"
         << (in_decay ? " and falls into the decay" : "")
         << ": a run this short is expected to show no gain";
    plan.warnings.push_back(text.str());
  }
  if (!plan.phases.back().is_ntp()) {
    plan.warnings.push_back(
        "the last phase is superposed: without a phase of next-token prediction after it the model "
        "is no ordinary language model");
  }
  if (plan.disk_bytes > plan.free_disk_bytes) {
    plan.warnings.push_back("the checkpoints may take " + bytes(plan.disk_bytes) + ", and " +
                            bytes(plan.free_disk_bytes) + " are free");
  }
}

std::string describe_phase(const superposition::Phase& phase) {
  std::ostringstream text;
  text << phase.num_steps << " steps from " << phase.first_step << ": ";
  if (phase.is_ntp()) {
    text << "next-token prediction";
  } else {
    text << "bags of " << phase.bag_size << " in, " << phase.target_size << " targets out";
  }
  return text.str();
}

std::string describe_schedule(const Plan& plan) {
  std::ostringstream text;
  text << "warm-up " << plan.warmup_steps << " steps";
  if (plan.decay_steps > 0) {
    text << ", decay over the last " << plan.decay_steps << " (from "
         << plan.total_steps - plan.decay_steps << ")";
  }
  return text.str();
}

std::string describe_switch(const Plan& plan) {
  static constexpr const char* kParts[] = {"in the warm-up", "in the stable part", "in the decay"};
  std::ostringstream text;
  text << "after " << *plan.switch_step << " steps ("
       << percent(static_cast<double>(*plan.switch_step) / static_cast<double>(plan.total_steps))
       << "), " << kParts[static_cast<int>(plan.switch_part)] << " of the schedule at "
       << percent(plan.switch_rate_share) << " of the peak rate; " << plan.recovery_steps
       << " steps follow";
  return text.str();
}

// What superposition does to the need of data: a share r of the steps in bags of s reads
// 1 + r (s - 1) times the tokens.
std::string describe_factor(const Plan& plan) {
  if (plan.raw_tokens_factor == 1) return "";
  std::ostringstream text;
  text << " (" << util::fixed(plan.raw_tokens_factor, 2) << " times the baseline's";
  const auto has_bags = [](const superposition::Phase& phase) { return phase.bag_size > 1; };
  const auto& phases = plan.phases;
  if (std::count_if(phases.begin(), phases.end(), has_bags) == 1) {
    const auto phase = std::find_if(phases.begin(), phases.end(), has_bags);
    text << ": 1 + r (s - 1) with r = "
         << util::fixed(
                static_cast<double>(phase->num_steps) / static_cast<double>(plan.total_steps), 2)
         << ", s = " << phase->bag_size;
  }
  text << ')';
  return text.str();
}

std::string describe_source(const Plan& plan, const data::SourceReading& source) {
  std::ostringstream text;
  text << source.name << ": " << util::format_count(source.tokens) << " tokens at hand, weight ";
  for (std::size_t i = 0; i < source.phases.size(); ++i) {
    if (i > 0 && source.phases[i].share == source.phases[i - 1].share) continue;
    text << (i > 0 ? ", then " : "") << util::fixed(source.phases[i].share, 2);
  }
  text << "; " << util::fixed(source.phases.back().epochs, 2) << " epochs at the end";
  if (source.used_up_from && *source.used_up_from < plan.last_step) {
    text << "; used up after step " << *source.used_up_from << ", the others take its share";
  } else if (source.repeats_from) {
    text << "; its first epoch ends in step " << *source.repeats_from;
  }
  return text.str();
}

std::string describe_data(const Plan& plan) {
  std::ostringstream text;
  text << util::format_count(plan.raw_tokens_needed) << " raw tokens needed"
       << describe_factor(plan) << ", " << util::format_count(plan.raw_tokens_at_hand)
       << " at hand; " << util::fixed(plan.epochs, 2) << " epochs at the end";
  if (plan.stops_with_data) {
    text << "; the data end the run after step " << plan.last_step;
  } else if (plan.first_epoch_ends_at) {
    text << "; the first epoch ends in step " << *plan.first_epoch_ends_at
         << ", then the data are read again";
  }
  text << "; " << percent(plan.held_out_share) << " held out";
  if (plan.left_out_files > 0) {
    text << "; " << plan.left_out_files << " files left out, which hold no text";
  }
  return text.str();
}

std::string describe_validation(const Plan& plan) {
  std::ostringstream text;
  for (const PlannedSet& set : plan.validation) {
    const bool is_primary = &set == &plan.validation.front();
    text << (is_primary ? "" : "; ") << set.name;
    if (is_primary && plan.validation.size() > 1) text << " (primary)";
    text << ": " << set.windows << " windows of " << set.documents << " documents";
  }
  if (plan.left_out_documents > 0) {
    text << "; " << plan.left_out_documents
         << " training documents left out, which have the content of one of these";
  }
  return text.str();
}

}  // namespace

Plan make_plan(const RunSpec& spec, const Setup& setup, int world_size) {
  Plan plan;
  plan.run_folder = spec.config.run.dir;
  plan.model = describe_model(setup.model);
  plan.compute = describe_compute(spec, setup);
  plan.phases = setup.phases;
  plan.first_step = setup.start.state.step;
  plan.total_steps = spec.config.train.steps;
  plan.last_step = setup.last_step;
  plan.rows_per_step = spec.config.train.rows_per_step();
  plan.sequence_length = spec.config.train.sequence_length;
  plan.micro_batch = setup.environment.micro_batch;
  plan.world_size = world_size;
  plan.parameters = model::parameter_count(setup.model);
  plan.flops_per_position = model::flops_per_position(setup.model, plan.sequence_length);
  plan_switch(spec.config.optim, plan);
  plan_data(spec, setup, plan);
  plan_resources(spec, setup, plan);
  add_warnings(spec, setup, plan);
  return plan;
}

void print_plan(std::ostream& out, const Plan& plan) {
  out << "run        " << plan.run_folder << '\n';
  out << "model      " << util::format_count(plan.parameters) << " parameters: " << plan.model
      << '\n';
  out << "compute    " << plan.compute << "; a step is " << plan.rows_per_step << " rows of "
      << plan.sequence_length << " positions, " << plan.micro_batch << " rows at once\n";
  out << "steps      " << plan.total_steps;
  if (plan.first_step > 0) out << ", going on after " << plan.first_step;
  if (plan.last_step != plan.total_steps) out << ", stopping after " << plan.last_step;
  out << '\n';
  for (std::size_t index = 0; index < plan.phases.size(); ++index) {
    out << "phase " << index + 1 << "    " << describe_phase(plan.phases[index]) << '\n';
  }
  out << "schedule   " << describe_schedule(plan) << '\n';
  if (plan.switch_step) out << "switch     " << describe_switch(plan) << '\n';
  out << "data       " << describe_data(plan) << '\n';
  for (const data::SourceReading& source : plan.sources) {
    out << "source     " << describe_source(plan, source) << '\n';
  }
  out << "validation " << describe_validation(plan) << '\n';
  out << "memory     " << describe(plan.memory) << '\n';
  out << "disk       " << bytes(plan.checkpoint_bytes) << " a checkpoint, at most "
      << bytes(plan.disk_bytes) << " kept; " << bytes(plan.free_disk_bytes) << " free\n";
  for (const std::string& warning : plan.warnings) out << "warning    " << warning << '\n';
  out << std::flush;
}

}  // namespace superpose::train
