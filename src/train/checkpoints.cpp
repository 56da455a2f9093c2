#include "train/checkpoints.h"

#include "util/error.h"
#include "util/json_fields.h"

namespace superpose::train {
namespace {

constexpr const char* kExpAvg = "exp_avg";
constexpr const char* kExpAvgSq = "exp_avg_sq";

at::Tensor flat_range(const at::Tensor& flat, const model::Parameter& parameter) {
  return flat.narrow(0, parameter.offset, parameter.numel());
}

void check_model(const checkpoint::Loaded& loaded, const model::ModelConfig& model) {
  checkpoint::HuggingFaceModel expected = to_hugging_face(model);
  // What special tokens are called, how long rows were, the type of stored weights and the spread
  // of long-gone initial values are no part of the shape.
  expected.max_position_embeddings = loaded.config.max_position_embeddings;
  expected.bos_token_id = loaded.config.bos_token_id;
  expected.eos_token_ids = loaded.config.eos_token_ids;
  expected.pad_token_id = loaded.config.pad_token_id;
  expected.initializer_range = loaded.config.initializer_range;
  expected.dtype = loaded.config.dtype;
  util::require(loaded.config == expected, "checkpoint ", loaded.path.string(),
                ": its config.json describes another model than the recipe's [model]");
}

}  // namespace

checkpoint::HuggingFaceModel to_hugging_face(const model::ModelConfig& model) {
  checkpoint::HuggingFaceModel result;
  result.architecture =
      model.has_qk_norm() ? checkpoint::Architecture::kQwen3 : checkpoint::Architecture::kLlama;
  result.vocab_size = model.vocab_size;
  result.hidden_size = model.hidden_size;
  result.intermediate_size = model.ffn_size;
  result.num_hidden_layers = model.num_layers;
  result.num_attention_heads = model.num_heads;
  result.num_key_value_heads = model.num_kv_heads;
  result.head_dim = model.head_dim;
  result.max_position_embeddings = model.max_positions;
  result.rms_norm_eps = model.norm_eps;
  result.rope_theta = model.rope_theta;
  if (model.rope_scaling.kind == model::RopeScalingKind::kLlama3) {
    result.rope_scaling = checkpoint::Llama3RopeScaling{
        .factor = model.rope_scaling.factor,
        .low_freq_factor = model.rope_scaling.low_freq_factor,
        .high_freq_factor = model.rope_scaling.high_freq_factor,
        .original_max_position_embeddings = model.rope_scaling.original_max_positions};
  }
  result.initializer_range = model.init_std.value_or(result.initializer_range);
  result.tie_word_embeddings = model.tied();
  return result;
}

std::filesystem::path save_checkpoint(const std::filesystem::path& checkpoints, Learner& learner,
                                      const RunState& state, const CorpusFiles& corpus) {
  checkpoint::Contents contents;
  contents.config = to_hugging_face(learner.decoder.config());
  // Rows were no longer than this: programs that use the model go by it.
  contents.config.max_position_embeddings = corpus.tokenizer.longest_text;
  contents.config.bos_token_id = corpus.tokenizer.begin_of_text;
  contents.config.eos_token_ids = {corpus.tokenizer.end_of_document};
  contents.config.pad_token_id = corpus.tokenizer.padding;
  contents.tokenizer_json = corpus.tokenizer.json;
  contents.tokenizer_config_json = corpus.tokenizer.config_json;
  for (const model::Parameter& parameter : learner.parameters.list()) {
    contents.model.push_back({parameter.name, learner.parameters.view(parameter.name)});
    contents.optimizer.push_back(
        {kExpAvg, parameter.name, 0, flat_range(learner.optimizer.exp_avg(), parameter)});
    contents.optimizer.push_back(
        {kExpAvgSq, parameter.name, 0, flat_range(learner.optimizer.exp_avg_sq(), parameter)});
  }
  contents.state = to_json(state);
  if (!corpus.record.files.empty()) {
    contents.corpus_json = util::fields_to_json(corpus.record).dump(1) + "\n";
  }
  return checkpoint::save(checkpoints, state.step, contents);
}

void load_checkpoint(const std::filesystem::path& folder, Learner& learner, const RunState& state,
                     distributed::Collective& collective) {
  if (collective.rank() == 0) {
    const checkpoint::Loaded loaded = checkpoint::open(folder, checkpoint::Check::kSizes);
    check_model(loaded, learner.decoder.config());
    for (const model::Parameter& parameter : learner.parameters.list()) {
      loaded.model.copy_to(parameter.name, learner.parameters.view(parameter.name));
      loaded.optimizer.copy_to(kExpAvg, parameter.name, 0,
                               flat_range(learner.optimizer.exp_avg(), parameter));
      loaded.optimizer.copy_to(kExpAvgSq, parameter.name, 0,
                               flat_range(learner.optimizer.exp_avg_sq(), parameter));
    }
  }
  collective.broadcast(learner.parameters.master(), 0);
  collective.broadcast(learner.optimizer.exp_avg(), 0);
  collective.broadcast(learner.optimizer.exp_avg_sq(), 0);
  learner.optimizer.step_count() = state.optimizer_updates;
  learner.parameters.refresh_compute();
}

}  // namespace superpose::train
