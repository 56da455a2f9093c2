#include "train/plan.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "checkpoint/checkpoint.h"
#include "corpus/sources/source_checks.h"
#include "model/accounting.h"
#include "model/decoder_layout.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/plan_checks.h"
#include "train/run.h"
#include "train/run_folder.h"
#include "train/setup.h"
#include "util/files.h"
#include "util/text.h"

namespace superpose::train {
namespace {

// Weights in f32; states of the optimizer come on top.
constexpr std::int64_t kBytesPerParameter = 4;

std::string describe_model(const model::ModelConfig& model) {
  std::ostringstream text;
  text << "d " << model.hidden_size << ", " << util::counted(model.num_layers, "layer") << ", "
       << util::counted(model.num_heads, "head");
  if (model.num_kv_heads != model.num_heads) text << " (" << model.num_kv_heads << " kv)";
  text << ", ffn " << model.ffn_size << ", vocabulary " << model.vocab_size
       << (model.tied() ? ", tied" : "") << (model.has_qk_norm() ? ", qk norm" : "")
       << (model.has_qkv_bias() ? ", qkv bias" : "");
  if (model.moe.num_experts > 0) {
    text << ", " << util::counted(model.moe.num_experts, "expert") << " of " << model.moe.ffn_size
         << ", " << model.moe.experts_per_token << " per position";
  }
  if (model.no_rope_interval > 0) {
    text << ", no rotary positions in 1 of " << model.no_rope_interval << " layers";
  }
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

// The rate of the last of the first `steps` steps, as a share of the peak.
double rate_share_after(const optim::OptimConfig& optim, std::int64_t steps, std::int64_t total) {
  const std::int64_t step = std::max<std::int64_t>(steps, 1) - 1;
  return optim::learning_rate_at(optim, step, total) / optim.learning_rate;
}

void plan_schedule(const optim::OptimConfig& optim, Plan& plan) {
  plan.warmup_steps = optim.warmup_steps;
  plan.decay_steps = optim::decay_steps(optim, plan.total_steps);
  plan.highest_rate_share = optim::highest_rate_share(optim, plan.total_steps);
  plan.end_rate_share = rate_share_after(optim, plan.last_step, plan.total_steps);
  plan.final_rate_share = rate_share_after(optim, plan.total_steps, plan.total_steps);
  for (std::size_t index = 1; index < plan.phases.size(); ++index) {
    if (plan.phases[index].bags.is_ntp() && !plan.phases[index - 1].bags.is_ntp()) {
      plan.switch_step = plan.phases[index].first_step;
    }
  }
  if (!plan.switch_step) return;
  plan.recovery_steps = plan.total_steps - *plan.switch_step;
  plan.switch_part = part_at(optim, *plan.switch_step, plan.total_steps);
  plan.switch_rate_share = rate_share_after(optim, *plan.switch_step + 1, plan.total_steps);
}

// The file, or the folder that all of them lie in.
std::string place_of(const std::vector<corpus::SourceRecord>& files) {
  std::filesystem::path place = files.front().path;
  for (const corpus::SourceRecord& file : files) {
    const auto is_above = [&] {
      const std::filesystem::path below =
          std::filesystem::path(file.path).lexically_relative(place);
      return !below.empty() && *below.begin() != "..";
    };
    while (place.has_relative_path() && !is_above()) place = place.parent_path();
  }
  return place.string();
}

void plan_corpora(const RunSpec& spec, const Setup& setup, Plan& plan) {
  for (const eval::ValidationSetConfig& set : spec.config.validation) {
    plan.holds_out = plan.holds_out || set.is_held_out();
  }
  for (const data::PreparedSource& source : setup.sources) {
    const std::vector<corpus::SourceRecord>& files = source.corpus.sources;
    const corpus::SplitStats& held_out = source.corpus.validation_stats;
    plan.corpora.push_back({.name = source.name,
                            .files = std::ssize(files),
                            .place = place_of(files),
                            .held_out_documents = held_out.documents,
                            .held_out_tokens = held_out.tokens,
                            .held_out_ends = source.corpus.held_out_ends});
  }
}

void plan_data(const RunSpec& spec, const Setup& setup, Plan& plan) {
  plan_corpora(spec, setup, plan);
  plan.corpus = setup.corpus_record;
  const superposition::StepSize size = spec.config.train.step_size();
  const auto tokens_before = [&](std::int64_t step) {
    return superposition::raw_tokens_before(plan.phases, step, size);
  };
  const std::int64_t scheduled = tokens_before(plan.total_steps);
  // A stage that continues a schedule read its first steps from another corpus.
  plan.raw_tokens_needed =
      data::raw_tokens_of(setup.start.state.consumed) + scheduled - tokens_before(plan.first_step);
  plan.raw_tokens_factor =
      static_cast<double>(scheduled) / static_cast<double>(plan.total_steps * size.positions());
  plan.raw_tokens_at_hand = setup.corpus.train_stats.tokens;
  plan.held_out_share = setup.corpus.held_out_share;
  plan.left_out_files = corpus::count_left_out(setup.corpus.sources);
  plan.left_out_documents = setup.corpus.left_out_documents;
  for (std::size_t i = 0; i < setup.validation.size(); ++i) {
    const eval::ValidationSet& set = setup.validation[i];
    const bool has_both = set.half_a.num_windows() > 0 && set.half_b.num_windows() > 0;
    const std::int64_t final_windows =
        setup.final_windows.empty() ? 0 : setup.final_windows[i].num_windows();
    plan.validation.push_back(
        {set.name, set.num_documents, set.num_tokens, set.num_windows(), final_windows, has_both});
  }
  plan.stops_with_data = setup.data_end_it;
  if (setup.source->sources().size() > 1) {
    plan.sources = data::usage_by_source(*setup.source, setup.phases);
  } else {
    plan.first_epoch_ends_at = setup.source->exhaustion_step();
    if (setup.data_end_it) plan.first_epoch_ends_at = setup.source->data_end();
  }
  plan.epochs = setup.source->epoch_before(std::max(plan.first_step, plan.last_step));
}

// As TrainingLoop does: before the first step unless that is not wanted, at multiples of `every`,
// and at the end of the run.
std::int64_t count_times(const Plan& plan, std::int64_t every, bool skips_first, bool ends) {
  std::int64_t count = skips_first ? 0 : 1;
  if (every > 0) count += plan.last_step / every - plan.first_step / every;
  const bool is_between = every == 0 || plan.last_step % every != 0;
  return ends && is_between ? count + 1 : count;
}

void plan_tasks(const Setup& setup, Plan& plan) {
  for (const EvaluationTask& task : setup.tasks) {
    plan.tasks.push_back({.name = task.name(),
                          .items = std::ssize(task.task.items),
                          .cut_contexts = task.asked.cut_requests,
                          .every = task.every,
                          .longest = task.longest});
  }
  plan.prompts = std::ssize(setup.prompts.texts);
  plan.sample_tokens = setup.prompts.sample_tokens;
}

// A window is a row without its backward pass, which is two thirds of a step's FLOPs.
void plan_evaluation(const RunSpec& spec, const Setup& setup, Plan& plan) {
  if (plan.first_step >= plan.last_step) return;
  const double window_flops =
      plan.flops_per_position / 3 * static_cast<double>(plan.sequence_length);
  const bool resumes = setup.start.kind == Start::Kind::kResume;
  const bool ends = end_status(spec, setup) != RunStatus::kReachedStop;
  const auto validations =
      static_cast<double>(count_times(plan, spec.config.evaluation.every, resumes, ends));
  for (const PlannedSet& set : plan.validation) {
    plan.validation_flops += validations * window_flops * static_cast<double>(set.windows);
    if (ends) plan.final_score_flops += window_flops * static_cast<double>(set.final_windows);
  }
  const double position_flops = plan.flops_per_position / 3;
  for (std::size_t i = 0; i < setup.tasks.size(); ++i) {
    const EvaluationTask& task = setup.tasks[i];
    const bool scores_first = !resumes && task.every > 0 && plan.first_step % task.every == 0;
    plan.tasks[i].times = count_times(plan, task.every, !scores_first, ends);
    plan.task_flops += position_flops * static_cast<double>(task.positions) *
                       static_cast<double>(plan.tasks[i].times);
  }
  for (const auto& ids : setup.prompts.ids) {
    const std::int64_t longest =
        std::min(setup.prompts.longest, std::ssize(ids) + setup.prompts.sample_tokens);
    plan.sample_flops += validations * position_flops * static_cast<double>(longest);
  }
}

void plan_flops(const Setup& setup, const superposition::StepSize& run, Plan& plan) {
  plan.flops_per_position = model::flops_per_position(setup.model, plan.sequence_length);
  plan.mean_flops_per_position = plan.flops_per_position;
  const auto all_positions =
      static_cast<double>(superposition::positions_before(plan.phases, plan.total_steps, run));
  for (const superposition::Phase& phase : plan.phases) {
    const superposition::StepSize size = superposition::size_of(phase, run);
    const double per_position = model::flops_per_position(setup.model, size.sequence_length);
    const auto positions = static_cast<double>(size.positions());
    const auto flops_of = [&](std::int64_t first, std::int64_t end) {
      const std::int64_t steps =
          std::min(end, phase.end_step()) - std::max(first, phase.first_step);
      return static_cast<double>(std::max<std::int64_t>(steps, 0)) * positions * per_position;
    };
    plan.total_flops += flops_of(0, plan.total_steps);
    plan.flops_left += flops_of(plan.first_step, plan.last_step);
    plan.mean_flops_per_position += static_cast<double>(phase.num_steps) * positions /
                                    all_positions * (per_position - plan.flops_per_position);
  }
}

std::int64_t optimizer_bytes(const RunSpec& spec, const Setup& setup) {
  return optim::state_bytes(spec.config.optim, model::decoder_units(setup.model));
}

MemoryInputs memory_inputs(const model::MemoryRequest& request, const RunSpec& spec,
                           const Setup& setup, const Plan& plan) {
  MemoryInputs inputs;
  inputs.model = model::estimate_memory(setup.model, request);
  inputs.optimizer = optimizer_bytes(spec, setup);
  inputs.request = request;
  std::int64_t positions = 0;
  for (const superposition::Phase& phase : plan.phases) {
    positions = std::max(positions,
                         superposition::size_of(phase, spec.config.train.step_size()).positions());
  }
  const std::int64_t of_rank = request.sequence_length * plan.world_size;
  inputs.rows_per_step = (positions + of_rank - 1) / of_rank;
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

void plan_machine(const RunSpec& spec, const Setup& setup, Plan& plan) {
  plan.local_ranks = std::max<std::int64_t>(1, spec.machine.processes);
  plan.threads = setup.environment.threads;
  plan.cores = util::cores();
  plan.on_cuda = !setup.device.is_cpu();
  plan.emulates_bf16 =
      setup.precision == Precision::kBf16 && !plan.on_cuda && spec.machine.bf16.empty();
}

void plan_memory_of_rank(const RunSpec& spec, const Setup& setup, Plan& plan) {
  model::MemoryRequest request =
      request_of(plan.phases, plan.micro_batch, spec.config.train.step_size());
  request.recompute_every = spec.config.train.recompute_every;
  request.bf16 = setup.precision == Precision::kBf16;
  plan.memory = plan_memory(memory_inputs(request, spec, setup, plan));
  plan.machine_memory = util::memory();
}

void plan_disk(const RunSpec& spec, const Setup& setup, Plan& plan) {
  const RunConfig& config = spec.config;
  const corpus::TokenizerFiles& tokenizer = setup.corpus.tokenizer;
  DiskPlan& disk = plan.disk;
  disk.checkpoint_bytes = plan.parameters * kBytesPerParameter + optimizer_bytes(spec, setup) +
                          static_cast<std::int64_t>(tokenizer.tokenizer_json.size() +
                                                    tokenizer.tokenizer_config_json.size());
  disk.there =
      static_cast<std::int64_t>(checkpoint::list(checkpoints_folder(config.run.dir)).size());
  disk.checkpoints = count_checkpoints(config.checkpoint, plan.phases, plan.first_step,
                                       plan.last_step, spec.pinned_checkpoint_steps, disk.there);
  disk.free_bytes =
      static_cast<std::int64_t>(util::free_disk_bytes(checkpoints_folder(config.run.dir)));
}

}  // namespace

Plan make_plan(const RunSpec& spec, const Setup& setup, int world_size) {
  Plan plan;
  plan.run_folder = spec.config.run.dir;
  plan.start = describe(setup.start);
  if (setup.initial && setup.start.kind == Start::Kind::kFresh) {
    plan.start = "weights of " + setup.initial->folder.string() + " (XXH3 " +
                 setup.start.state.parents.back().weights +
                 "), optimizer and data from their start";
  }
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
  plan.active_parameters = model::active_parameter_count(setup.model);
  plan_flops(setup, spec.config.train.step_size(), plan);
  plan_machine(spec, setup, plan);
  plan_schedule(spec.config.optim, plan);
  plan_data(spec, setup, plan);
  plan_tasks(setup, plan);
  plan_evaluation(spec, setup, plan);
  plan_memory_of_rank(spec, setup, plan);
  plan_disk(spec, setup, plan);
  plan.start_warnings = setup.start.warnings;
  plan.untrained_tokens = setup.tokenizer.untrained;
  plan.findings = check_plan(plan);
  return plan;
}

}  // namespace superpose::train
