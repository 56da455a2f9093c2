#include "train/model_export.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>

#include "checkpoint/checkpoint.h"
#include "checkpoint/model_files.h"
#include "checkpoint/model_shape.h"
#include "inference/load.h"
#include "metrics/reader.h"
#include "model/decoder_layout.h"
#include "train/run_folder.h"
#include "train/run_state.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::train {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPromptLength = 16;
constexpr double kMostRoundings = 64;
constexpr const char* kCard = "README.md";
// What other programs read next to the weights; copied as it is, where it is there.
constexpr std::array kTokenizerFiles = {"tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "chat_template.jinja",
                                        "vocab.json",
                                        "merges.txt",
                                        "added_tokens.json"};

struct Original {
  fs::path folder;
  checkpoint::HuggingFaceModel config;
  std::vector<checkpoint::NamedTensor> weights;  // as stored
  std::optional<RunState> state;                 // of a checkpoint of ours
};

// Of a checkpoint of ours.
std::optional<RunState> state_of(const fs::path& folder) {
  const fs::path state = folder / "trainer" / "state.json";
  if (!fs::exists(state)) return std::nullopt;
  return run_state_from_json(util::parse_json(util::read_file(state), state.string()),
                             state.string());
}

Original read_original(const fs::path& from) {
  Original original;
  original.folder = inference::find_model(from);
  original.config = inference::read_description(original.folder);
  if (fs::exists(original.folder / "trainer" / "state.json")) checkpoint::verify(original.folder);
  original.state = state_of(original.folder);
  const checkpoint::ModelFiles files(original.folder);
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const model::UnitSpec& unit :
       model::decoder_units(checkpoint::from_hugging_face(original.config))) {
    for (const model::ParameterSpec& weight : unit.weights) {
      shapes.emplace(weight.name, weight.shape);
    }
  }
  files.require_exactly(shapes, original.config.tie_word_embeddings);
  for (const auto& [name, shape] : shapes) original.weights.push_back({name, files.tensor(name)});
  return original;
}

at::ScalarType scalar_of(ExportType type, const std::string& stored) {
  switch (type) {
    case ExportType::kF32:
      return at::kFloat;
    case ExportType::kBf16:
      return at::kBFloat16;
    case ExportType::kF16:
      return at::kHalf;
    case ExportType::kStored:
      break;
  }
  if (stored == "float32") return at::kFloat;
  if (stored == "bfloat16") return at::kBFloat16;
  util::require(stored == "float16",
                "export: --dtype must be f32, bf16 or f16, as the folder stores ", stored);
  return at::kHalf;
}

std::string name_of(at::ScalarType type) {
  return type == at::kFloat ? "float32" : type == at::kBFloat16 ? "bfloat16" : "float16";
}

double epsilon_of(at::ScalarType type) {
  return type == at::kFloat ? 0x1p-23 : type == at::kBFloat16 ? 0x1p-7 : 0x1p-10;
}

std::vector<checkpoint::NamedTensor> converted(const Original& original, at::ScalarType type) {
  std::vector<checkpoint::NamedTensor> result;
  for (const checkpoint::NamedTensor& item : original.weights) {
    util::require(at::isfinite(item.tensor).all().item<bool>(), original.folder.string(),
                  ": tensor ", item.name, ": holds values that are not finite");
    at::Tensor values = item.tensor.to(type);
    if (!at::isfinite(values).all().item<bool>()) {
      const double largest = item.tensor.to(at::kFloat).abs().max().item<double>();
      util::fail(original.folder.string(), ": tensor ", item.name, ": ", name_of(type),
                 " cannot hold ", util::format_double(largest), "; export as bf16 or f32");
    }
    result.push_back({item.name, std::move(values)});
  }
  return result;
}

// Logits of the ids 0, 1, 2, ..., computed in f32 from a folder's weights.
at::Tensor prompt_logits(const fs::path& folder) {
  const inference::LoadedModel model = inference::load_model(folder);
  const model::ModelConfig& shape = model.decoder.config();
  const std::int64_t length = std::min(kPromptLength, shape.max_positions);
  const at::Tensor ids = at::arange(length, at::TensorOptions().dtype(at::kLong))
                             .remainder(shape.vocab_size)
                             .view({1, length, 1});
  return model.decoder.logits(ids);
}

double rms(const at::Tensor& values) {
  return std::sqrt(values.to(at::kDouble).square().mean().item<double>());
}

// The records of the run that the checkpoint lies in.
std::optional<metrics::RunRecords> records_of(const fs::path& checkpoint) {
  const fs::path run = checkpoint.parent_path().parent_path();
  const bool has_records = metrics::find_records(metrics_file(run)) == metrics::FoundRecords::kSome;
  return has_records ? std::optional(metrics::read_run(run)) : std::nullopt;
}

// Whether the step that the checkpoint holds was a superposed one.
bool is_superposed(const RunState& state, const metrics::RunRecords& records) {
  const auto& phases = records.header.phases;
  return std::any_of(phases.begin(), phases.end(), [&state](const auto& phase) {
    const bool is_bag = phase.bag_size > 1 || phase.target_size > 1;
    return is_bag && state.step > phase.first_step &&
           state.step <= phase.first_step + phase.num_steps;
  });
}

std::string describe_phase(const metrics::PhaseInfo& phase, std::int64_t steps) {
  std::string text = util::with_commas(steps) + " steps ";
  if (phase.bag_size == 1 && phase.target_size == 1) return text + "of next-token prediction";
  text += "with bags of " + std::to_string(phase.bag_size);
  if (phase.target_size != phase.bag_size) {
    text += " and targets of " + std::to_string(phase.target_size);
  }
  return phase.objective.empty() ? text : text + " (objective " + phase.objective + ")";
}

// Those that the checkpoint has been through. Without records the recipe's own text.
std::string describe_phases(const RunState& state,
                            const std::optional<metrics::RunRecords>& records) {
  if (!records) {
    const std::string phases = setting_value(state.settings, "phases");
    return phases.empty() ? "" : "`" + phases + "`";
  }
  std::vector<std::string> parts;
  for (const metrics::PhaseInfo& phase : records->header.phases) {
    const std::int64_t steps = std::min(phase.num_steps, state.step - phase.first_step);
    if (steps > 0) parts.push_back(describe_phase(phase, steps));
  }
  return util::join(parts, ", then ");
}

// The primary set's score, of a run that ended with this checkpoint.
std::optional<metrics::FinalScore> final_score(const RunState& state,
                                               const std::optional<metrics::RunRecords>& records) {
  if (!records || !records->final_scores) return std::nullopt;
  const metrics::FinalRecord& record = *records->final_scores;
  if (record.step != state.step || record.sets.empty()) return std::nullopt;
  return record.sets.front();
}

// The last validation up to the checkpoint's step.
std::optional<metrics::ValidationRecord> last_validation(
    const RunState& state, const std::optional<metrics::RunRecords>& records) {
  std::optional<metrics::ValidationRecord> last;
  if (!records) return last;
  for (const metrics::ValidationRecord& record : records->validations) {
    if (record.step <= state.step) last = record;
  }
  return last;
}

std::string card(const Original& original, const std::optional<metrics::RunRecords>& records,
                 const std::string& type, const std::string& program) {
  const checkpoint::HuggingFaceModel& model = original.config;
  const model::ModelConfig shape = checkpoint::from_hugging_face(model);
  std::int64_t parameters = 0;
  for (const checkpoint::NamedTensor& item : original.weights) parameters += item.tensor.numel();
  std::ostringstream text;
  text << "---\nlibrary_name: transformers\npipeline_tag: text-generation\n---\n\n# "
       << checkpoint::traits_of(model.architecture).class_name << ", "
       << util::format_count(parameters) << " parameters\n\n"
       << "| | |\n|---|---|\n"
       << "| Shape | width " << shape.hidden_size << ", " << shape.num_layers << " layers, "
       << shape.num_heads << " heads (" << shape.num_kv_heads << " of keys and values), vocabulary "
       << shape.vocab_size << " |\n"
       << "| Stored as | " << type << " |\n"
       << "| Exported by | " << program << " |\n";
  if (original.state) {
    const RunState& state = *original.state;
    text << "| Steps | " << util::with_commas(state.step) << " |\n";
    const std::string phases = describe_phases(state, records);
    if (!phases.empty()) text << "| Phases | " << phases << " |\n";
    text << "| Positions computed; raw tokens read | " << util::format_count(state.clocks.positions)
         << "; " << util::format_count(state.clocks.raw_tokens) << " |\n"
         << "| Corpus (fingerprint) | `" << state.corpus_fingerprint << "` |\n"
         << "| Trained with | libtorch " << state.environment.libtorch << ", "
         << state.environment.precision << " on " << state.environment.device << " |\n";
    for (const metrics::ParentInfo& parent : state.parents) {
      text << "| Began from | " << parent.kind << " `" << parent.weights << "` at step "
           << parent.step << " |\n";
    }
    const auto score = final_score(state, records);
    const auto validation = last_validation(state, records);
    if (score) {
      text << "| Final loss | " << util::fixed(score->loss, 4) << " nats per token over "
           << util::with_commas(score->tokens) << " held-out tokens |\n";
    } else if (validation) {
      text << "| Validation loss at step " << util::with_commas(validation->step)
           << " (running windows) | " << util::fixed(validation->loss, 4) << " nats per token |\n";
    }
  }
  text
      << "\nToken superposition (Peng, Gigant and Quesnelle, arXiv 2605.06546): for the first part "
         "of its steps a model reads bags\nof contiguous tokens, the mean of their embeddings, and "
         "predicts the next bag; then it is trained on the next token. The\nmodel that results is "
         "an ordinary one.\n\n"
         "```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n"
         "model = AutoModelForCausalLM.from_pretrained(\"FOLDER\")\n```\n";
  return text.str();
}

void check_read_back(const fs::path& folder, const std::vector<checkpoint::NamedTensor>& weights) {
  const checkpoint::ModelFiles files(folder);
  for (const checkpoint::NamedTensor& item : weights) {
    util::require(files.tensor(item.name).equal(item.tensor), folder.string(), ": tensor ",
                  item.name, ": is not what was written");
  }
}

// A model in there would be taken for the run's, whose weights move on.
void require_outside_runs(const fs::path& to) {
  const auto is_run = [](const fs::path& folder) {
    return fs::exists(metrics_file(folder)) ||
           !checkpoint::list(checkpoints_folder(folder)).empty();
  };
  const fs::path folder = fs::absolute(to / "").lexically_normal().parent_path();
  util::require(!is_run(folder), "export: ", to.string(),
                " is the folder of a run; choose another one for the model");
  for (const fs::path& at : {folder, folder.parent_path()}) {
    const fs::path run = at.parent_path();
    util::require(at != checkpoints_folder(run) || !is_run(run), "export: ", to.string(),
                  " lies among the checkpoints of a run; choose another ", "folder for the model");
  }
}

}  // namespace

ExportResult export_model(const ExportRequest& request) {
  require_outside_runs(request.to);
  const util::OutputFolder out(request.to, request.overwrite);
  out.check({"config.json", checkpoint::kModelFile, kCard});  // before the work
  const Original original = read_original(request.from);
  const at::ScalarType type = scalar_of(request.type, original.config.dtype);
  const std::vector<checkpoint::NamedTensor> weights = converted(original, type);
  const std::optional<metrics::RunRecords> records =
      original.state ? records_of(original.folder) : std::nullopt;
  checkpoint::HuggingFaceModel config = original.config;
  config.dtype = name_of(type);

  util::AtomicDirectory staged = out.stage();
  ExportResult result;
  result.from = original.folder;
  result.type = config.dtype;
  const auto write = [&](const std::string& name, const std::string& content) {
    util::write_file_atomic(staged.path() / name, content);
    result.files.push_back(name);
  };
  for (const auto& [name, digest] : checkpoint::write_model(staged.path(), weights)) {
    result.files.push_back(name);
  }
  write("config.json", checkpoint::to_config_json(config));
  write("generation_config.json", checkpoint::to_generation_config_json(config));
  write(kCard, card(original, records, config.dtype, request.program));
  for (const char* name : kTokenizerFiles) {
    if (fs::exists(original.folder / name)) write(name, util::read_file(original.folder / name));
  }

  check_read_back(staged.path(), weights);
  const at::Tensor before = prompt_logits(original.folder);
  const at::Tensor after = prompt_logits(staged.path());
  result.logit_error = rms(after - before) / std::max(rms(before), 1e-30);
  const double most = kMostRoundings * epsilon_of(type);
  util::require(result.logit_error <= most, "export: the logits of a fixed prompt moved by ",
                util::format_double(result.logit_error), " of their size, more than ",
                util::format_double(most), ", which is what ", config.dtype,
                " explains: nothing was written");
  out.commit(staged);

  if (!fs::exists(original.folder / "tokenizer.json")) {
    result.warnings.push_back("no tokenizer.json in " + original.folder.string() +
                              ": the exported folder has none");
  }
  if (records && is_superposed(*original.state, *records)) {
    result.warnings.push_back(
        "this checkpoint lies inside superposition: it predicts bags, and is "
        "not a language model until it has been trained on the next token");
  }
  return result;
}

bool lies_inside_superposition(const fs::path& folder) {
  const std::optional<RunState> state = state_of(folder);
  if (!state) return false;
  const fs::path whole = fs::weakly_canonical(folder);
  const std::optional<metrics::RunRecords> records = records_of(whole);
  return records && is_superposed(*state, *records);
}

}  // namespace superpose::train
