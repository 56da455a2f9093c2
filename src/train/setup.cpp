#include "train/setup.h"

#include <ATen/Context.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "eval/copying_probe.h"
#include "model/accounting.h"
#include "train/run_corpora.h"
#include "train/run_folder.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/resources.h"

namespace superpose::train {
namespace {

// Activations of one micro-batch: far below any machine's memory, far above what keeps cores busy.
constexpr std::int64_t kMicroBatchBytes = std::int64_t{1} << 30;

std::vector<eval::ValidationSet> make_validation_sets(const std::vector<SetCorpus>& corpora,
                                                      const RunConfig& config) {
  std::vector<eval::ValidationSet> sets;
  for (const SetCorpus& set : corpora) {
    sets.push_back(eval::make_validation_set(set.name, set.corpus, config.train.sequence_length,
                                             config.evaluation));
  }
  return sets;
}

std::vector<eval::FinalWindows> make_final_windows(const std::vector<SetCorpus>& corpora,
                                                   const RunConfig& config) {
  std::vector<eval::FinalWindows> result;
  if (config.evaluation.final_windows == 0) return result;
  for (const SetCorpus& set : corpora) {
    result.push_back(eval::cut_final_windows(set.name, set.corpus, config.train.sequence_length,
                                             config.evaluation.final_windows));
  }
  return result;
}

// The same documents in other windows are another measure; what a set is called is not.
std::string validation_fingerprint(const std::vector<eval::ValidationSet>& sets,
                                   const RunConfig& config) {
  std::string text;
  for (const eval::ValidationSet& set : sets) text += set.fingerprint + "-";
  return text + std::to_string(config.train.sequence_length) + "-" +
         std::to_string(config.evaluation.windows);
}

void check_shape(const RunConfig& config, const std::vector<superposition::Phase>& phases,
                 const model::ModelConfig& model, std::int64_t world_size) {
  const auto check = [&](const std::string& name, const superposition::StepSize& size) {
    util::require(size.sequence_length <= model.max_positions, name,
                  "sequence_length: must be <= model.max_positions (", model.max_positions,
                  "), got ", size.sequence_length);
    util::require(world_size <= size.rows, name,
                  "batch_positions: a step must have a row for each of the ", world_size,
                  " ranks, got ", size.rows, " rows");
  };
  check("train.", config.train.step_size());
  for (std::size_t i = 0; i < phases.size(); ++i) {
    check("phase " + std::to_string(i + 1) + ": ",
          superposition::size_of(phases[i], config.train.step_size()));
  }
}

// Known once a preset or a folder has said what the model is.
void check_balance(const model::BalanceConfig& balance, const model::MoeConfig& moe,
                   std::int64_t num_layers) {
  bool has_experts = false;
  for (std::int64_t i = 0; i < num_layers; ++i) has_experts = has_experts || moe.is_in_layer(i);
  const auto check = [&](const char* key, double weight) {
    util::require(weight == 0 || has_experts, "optim.balance.", key,
                  ": must be 0 for a model without experts (model.moe.num_experts), got ", weight);
  };
  check("weight", balance.weight);
  check("z_loss", balance.z_loss);
}

void set_layouts(Setup& setup, const RunConfig& config) {
  const auto layouts =
      data::choose_layouts(setup.sources, setup.phases, config.train.sequence_length, config.data);
  RunState& state = setup.start.state;
  if (config.mixture.empty()) {
    state.layout = layouts[0];
    return;
  }
  state.layout = {0, 0};
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    const data::PreparedSource& source = setup.sources[i];
    state.sources.push_back({source.name, source.corpus.fingerprint, layouts[i]});
  }
}

void check_layouts(const Setup& setup, std::int64_t longest) {
  const std::vector<bool> is_read = data::find_read(setup.sources, setup.phases);
  const std::vector<data::StreamLayout> layouts = layouts_of(setup.start.state);
  util::require(layouts.size() == setup.sources.size(), "checkpoint ",
                setup.start.checkpoint.string(), ": must have a layout for each of ",
                setup.sources.size(), " sources, got ", layouts.size());
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    if (!is_read[i]) continue;
    const std::int64_t tokens = setup.sources[i].corpus.train->num_tokens();
    util::require(layouts[i].lanes * longest <= tokens, "phases: a row of ", longest,
                  " tokens must fit into a lane of the run that is branched from, which has ",
                  tokens / layouts[i].lanes);
  }
}

// A branch that sets other limits determines again which sources have reached theirs.
bool has_other_limits(const Setup& setup, const RunSpec& spec) {
  const auto differs = [&](const char* key) {
    return setting_value(setup.start.state.settings, key) != setting_value(spec.settings, key);
  };
  return setup.start.kind == Start::Kind::kBranch &&
         (differs("mixture") || differs("data.when_exhausted"));
}

void open_stream(Setup& setup, const RunSpec& spec, const distributed::Collective& collective) {
  const RunConfig& config = spec.config;
  if (setup.start.kind == Start::Kind::kFresh || setup.start.kind == Start::Kind::kStage) {
    set_layouts(setup, config);
  } else {
    check_layouts(setup, data::longest_window(setup.phases, config.train.sequence_length));
  }
  data::BatchPlan plan;
  plan.consumed = setup.start.state.consumed;
  if (!plan.consumed.empty() && has_other_limits(setup, spec)) plan.consumed.back().used_up.clear();
  plan.phases = setup.phases;
  plan.first_step = setup.start.state.step;
  plan.sequence_length = config.train.sequence_length;
  plan.rows_per_step = config.train.rows_per_step();
  plan.seed = static_cast<std::uint64_t>(config.train.seed);
  plan.rank = collective.rank();
  plan.world_size = collective.world_size();
  setup.source = std::make_unique<const data::BatchSource>(
      data::open_streams(setup.sources, {.seed = static_cast<std::uint64_t>(config.train.seed),
                                         .layouts = layouts_of(setup.start.state),
                                         .document_aware = config.data.document_aware}),
      plan);
}

void find_end(Setup& setup, const RunSpec& spec) {
  setup.last_step = spec.config.train.steps;
  if (spec.stop_after_step) setup.last_step = std::min(setup.last_step, *spec.stop_after_step);
  const std::optional<std::int64_t> exhausted = setup.source->data_end();
  util::require(exhausted != 0,
                "data.when_exhausted: \"stop\" needs a corpus of one step at "
                "least, it has ",
                setup.corpus.train_stats.tokens, " training tokens");
  util::require(!exhausted || spec.config.data.when_exhausted == corpus::WhenExhausted::kStop,
                "mixture: all sources with a weight are used up after step ", exhausted.value_or(0),
                " of ", spec.config.train.steps,
                ": raise max_epochs or max_tokens, or set data.when_exhausted = \"stop\"");
  if (exhausted && *exhausted < setup.last_step) {
    setup.last_step = *exhausted;
    setup.data_end_it = true;
  }
}

Environment make_environment(const RunSpec& spec, const Setup& setup,
                             const distributed::Collective& collective) {
  Environment environment;
  environment.threads = thread_count(spec.config.train, spec.machine.processes);
  environment.ranks = collective.world_size();
  environment.micro_batch = choose_micro_batch(spec.config, setup.model, setup.precision,
                                               setup.phases, collective.world_size());
  environment.device = setup.device.is_cpu() ? "cpu" : "cuda";
  environment.precision = name_of(setup.precision);
  environment.cpu = spec.machine.cpu;
  environment.kernels = spec.machine.kernels;
  environment.libtorch = libtorch_version();
  return environment;
}

// A stage is compared with no other run.
void warn_of_environment(Setup& setup) {
  const Start::Kind kind = setup.start.kind;
  if (kind == Start::Kind::kFresh || kind == Start::Kind::kStage) return;
  const std::string changed = differences(setup.start.state.environment, setup.environment);
  if (changed.empty()) return;
  setup.start.warnings.push_back("this run will not continue bit for bit: " + changed);
}

// A fresh run that begins with the weights of a folder says so, and checks that it knows its ids.
void begin_with_initial_weights(Setup& setup, distributed::Collective& collective) {
  if (!setup.initial || setup.start.kind != Start::Kind::kFresh) return;
  const InitialWeights& weights = *setup.initial;
  const auto warning =
      check_tokenizer(weights, setup.corpus.tokenizer.tokenizer_json, setup.corpus.vocabulary_size);
  if (warning) setup.start.warnings.push_back(*warning);
  setup.start.state.parents.push_back(
      {"weights", weights.folder.string(), 0, 0, hash_of(weights, collective)});
}

}  // namespace

Setup set_up(const RunSpec& spec, distributed::Collective& collective) {
  Setup setup;
  setup.initial = find_initial_weights(spec.config.model.init_from,
                                       checkpoints_folder(spec.config.run.dir), collective);
  util::require(
      !setup.initial || !spec.start_from,
      "model.init_from: a run begins with these weights or with the checkpoint of --from, "
      "not with both");
  const RunConfig config =
      setup.initial ? with_initial_weights(spec.config, *setup.initial) : spec.config;
  setup.phases = superposition::make_phases(config.phases, config.train.steps);
  setup.device = choose_device(config.train.device);
  setup.precision = choose_precision(config.train.precision, setup.device, spec.machine);
  data::check_mixture(config.mixture, config.data);
  data::check_phase_weights(setup.phases, config.mixture);
  std::vector<tasks::LoadedTask> loaded_tasks =
      load_tasks(locate_tasks(config.evaluation.tasks, config.data.recipe_folder));
  RunCorpora corpora = prepare_corpora(config, {spec.console, spec.console_columns}, collective);
  // The rows of weights that are there already need not be a round number.
  setup.model =
      model::resolve(config.model, setup.initial ? corpora.training.vocabulary_size
                                                 : corpora.training.padded_vocabulary_size);
  check_shape(config, setup.phases, setup.model, collective.world_size());
  check_balance(config.optim.balance, setup.model.moe, setup.model.num_layers);
  setup.environment = make_environment(spec, setup, collective);
  setup.validation = make_validation_sets(corpora.validation, config);
  setup.final_windows = make_final_windows(corpora.validation, config);
  if (config.train.sequence_length >= eval::kShortestProbe) {
    setup.copying_sequences =
        eval::copying_sequences(corpora.validation.front().corpus, config.train.sequence_length);
  }
  setup.corpus_record = {.fingerprint = corpora.training.fingerprint,
                         .validation_fingerprint = validation_fingerprint(setup.validation, config),
                         .files = list_files(corpora)};
  setup.sources = std::move(corpora.sources);
  setup.corpus = std::move(corpora.training);
  setup.tokenizer = tokenizer::make_model_folder(
      setup.corpus.tokenizer.tokenizer_json, setup.corpus.tokenizer.tokenizer_config_json,
      setup.corpus.tokenizer.end_of_document, config.train.sequence_length);
  setup.tasks = encode_tasks(
      config.evaluation.tasks, std::move(loaded_tasks), setup.tokenizer, setup.model.vocab_size,
      setup.device.is_cpu() && setup.precision == Precision::kF32, collective);
  setup.prompts = read_prompts(config.evaluation, setup.tokenizer, setup.model.vocab_size);
  setup.start = find_start(checkpoints_folder(config.run.dir), spec.start_from, collective);
  settle_start(setup.start, {.settings = spec.settings,
                             .corpus = setup.corpus_record,
                             .tokenizer_json = setup.corpus.tokenizer.tokenizer_json,
                             .model = setup.model,
                             .total_steps = config.train.steps,
                             .may_start_stage = spec.may_start_stage,
                             .continues_schedule = config.train.continue_schedule});
  begin_with_initial_weights(setup, collective);
  warn_of_environment(setup);
  open_stream(setup, spec, collective);
  find_end(setup, spec);
  return setup;
}

RunStatus end_status(const RunSpec& spec, const Setup& setup) {
  if (setup.data_end_it) return RunStatus::kDataUsedUp;
  return setup.last_step == spec.config.train.steps ? RunStatus::kFinished
                                                    : RunStatus::kReachedStop;
}

std::int64_t thread_count(const TrainConfig& config, std::int64_t processes) {
  if (config.threads > 0) return config.threads;
  return std::max<std::int64_t>(1, util::available_cores() / std::max<std::int64_t>(1, processes));
}

at::Device choose_device(DeviceChoice choice) {
  const bool has_cuda = at::hasCUDA();
  util::require(choice != DeviceChoice::kCuda || has_cuda,
                "train.device: \"cuda\" needs a libtorch with CUDA and a device, found none");
  const bool use_cuda = choice != DeviceChoice::kCpu && has_cuda;
  return use_cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
}

Precision choose_precision(Precision wanted, at::Device device, const Machine& machine) {
  if (wanted != Precision::kAuto) return wanted;
  return device.is_cpu() && machine.bf16.empty() ? Precision::kF32 : Precision::kBf16;
}

std::int64_t choose_micro_batch(const RunConfig& config, const model::ModelConfig& model,
                                Precision precision,
                                const std::vector<superposition::Phase>& phases,
                                std::int64_t world_size) {
  std::int64_t rows = (config.train.rows_per_step() + world_size - 1) / world_size;
  if (config.train.micro_batch) return std::min(rows, *config.train.micro_batch);
  const auto activations = [&] {
    model::MemoryRequest request = request_of(phases, rows, config.train.step_size());
    request.bf16 = precision == Precision::kBf16;
    return model::estimate_memory(model, request).activations;
  };
  while (rows > 1 && activations() > kMicroBatchBytes) rows = (rows + 1) / 2;
  return rows;
}

std::string recipe_fingerprint(const std::vector<util::Setting>& settings) {
  util::Hasher hasher;
  for (const util::Setting& setting : settings) {
    if (setting.operational || setting.key == "train.seed") continue;
    hasher.update(setting.key + " = " + setting.value + "\n");
  }
  return util::hex64(hasher.digest64());
}

}  // namespace superpose::train
