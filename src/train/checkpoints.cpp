#include "train/checkpoints.h"

#include <optional>

#include "checkpoint/model_shape.h"
#include "util/error.h"
#include "util/json_fields.h"
#include "util/text.h"

namespace superpose::train {
namespace {

std::string describe(const std::optional<checkpoint::Llama3RopeScaling>& scaling) {
  if (!scaling) return "\"none\"";
  return "\"llama3\" by " + util::format_double(scaling->factor) + " of " +
         std::to_string(scaling->original_max_position_embeddings);
}

std::string describe(const checkpoint::HuggingFaceExperts& experts) {
  if (experts.num_experts == 0) return "none";
  std::string text = util::counted(experts.num_experts, "expert") + " of " +
                     std::to_string(experts.moe_intermediate_size) + ", " +
                     std::to_string(experts.num_experts_per_tok) + " per token, every " +
                     std::to_string(experts.decoder_sparse_step);
  for (const std::int64_t layer : experts.mlp_only_layers) {
    text += ", not in layer " + std::to_string(layer);
  }
  return text + (experts.norm_topk_prob ? ", shares normalized" : "");
}

// The sums of routers among the states of the optimizer: the next step may need them.
constexpr const char* kLastSums = "last_sums";

std::string toggle(bool value) { return value ? "\"on\"" : "\"off\""; }
std::string describe(const std::string& value) { return value; }
std::string describe(bool value) { return value ? "true" : "false"; }
std::string describe(double value) { return util::format_double(value); }
std::string describe(std::int64_t value) { return std::to_string(value); }

}  // namespace

std::vector<std::string> model_changes(const checkpoint::HuggingFaceModel& checkpoint,
                                       const model::ModelConfig& recipe) {
  const checkpoint::HuggingFaceModel now = checkpoint::to_hugging_face(recipe);
  std::vector<std::string> changes;
  // Not part of the shape: special tokens, how long rows were, the type of stored weights and the
  // spread of initial values.
  const auto compare = [&](const char* key, const auto& before, const auto& after) {
    if (before == after) return;
    changes.push_back(std::string("model.") + key + " (checkpoint " + describe(before) +
                      ", recipe " + describe(after) + ")");
  };
  compare("vocab_size", checkpoint.vocab_size, now.vocab_size);
  compare("hidden_size", checkpoint.hidden_size, now.hidden_size);
  compare("num_layers", checkpoint.num_hidden_layers, now.num_hidden_layers);
  compare("num_heads", checkpoint.num_attention_heads, now.num_attention_heads);
  compare("num_kv_heads", checkpoint.num_key_value_heads, now.num_key_value_heads);
  compare("head_dim", checkpoint.head_dim, now.head_dim);
  compare("ffn_size", checkpoint.intermediate_size, now.intermediate_size);
  compare("tie_embeddings", checkpoint.tie_word_embeddings, now.tie_word_embeddings);
  const checkpoint::ArchitectureFeatures had = checkpoint::traits_of(checkpoint.architecture).has;
  const checkpoint::ArchitectureFeatures has = checkpoint::traits_of(now.architecture).has;
  compare("qk_norm", toggle(had.qk_norm), toggle(has.qk_norm));
  compare("qkv_bias", toggle(had.qkv_bias), toggle(has.qkv_bias));
  compare("no_rope_interval", checkpoint.no_rope_interval, now.no_rope_interval);
  compare("rope_theta", checkpoint.rope_theta, now.rope_theta);
  compare("norm_eps", checkpoint.rms_norm_eps, now.rms_norm_eps);
  compare("rope_scaling", checkpoint.rope_scaling, now.rope_scaling);
  compare("moe", checkpoint.experts, now.experts);
  return changes;
}

std::filesystem::path save_checkpoint(const std::filesystem::path& checkpoints, Learner& learner,
                                      const RunState& state, const CorpusFiles& corpus) {
  checkpoint::Contents contents;
  contents.config = checkpoint::to_hugging_face(learner.decoder.config());
  // No row was longer than this: programs that use the model go by it.
  contents.config.max_position_embeddings = corpus.tokenizer.longest_text;
  contents.config.bos_token_id = corpus.tokenizer.begin_of_text;
  contents.config.eos_token_ids = {corpus.tokenizer.end_of_document};
  contents.config.pad_token_id = corpus.tokenizer.padding;
  contents.tokenizer_json = corpus.tokenizer.json;
  contents.tokenizer_config_json = corpus.tokenizer.config_json;
  for (const model::Parameter& parameter : learner.parameters.list()) {
    contents.model.push_back({parameter.name, learner.parameters.view(parameter.name)});
  }
  for (const optim::Optimizer::WeightState& part : learner.optimizer.states()) {
    contents.optimizer.push_back(
        {std::string(part.state), std::string(part.weight), 0, part.values});
  }
  for (const model::SumsSpec& sums : learner.parameters.sums_list()) {
    contents.optimizer.push_back(
        {kLastSums, sums.name, 0, learner.parameters.last_sums(sums.name)});
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
    for (const model::Parameter& parameter : learner.parameters.list()) {
      loaded.model.copy_to(parameter.name, learner.parameters.view(parameter.name));
    }
    for (const optim::Optimizer::WeightState& part : learner.optimizer.states()) {
      loaded.optimizer.copy_to(std::string(part.state), std::string(part.weight), 0, part.values);
    }
    for (const model::SumsSpec& sums : learner.parameters.sums_list()) {
      // Checkpoints of earlier versions lack them, and no recipe of theirs needs them.
      if (!loaded.optimizer.contains(kLastSums, sums.name)) continue;
      loaded.optimizer.copy_to(kLastSums, sums.name, 0, learner.parameters.last_sums(sums.name));
    }
  }
  collective.broadcast(learner.parameters.master(), 0);
  for (const at::Tensor& buffer : learner.optimizer.buffers()) collective.broadcast(buffer, 0);
  collective.broadcast(learner.parameters.all_last_sums(), 0);
  learner.optimizer.step_count() = state.optimizer_updates;
  learner.parameters.refresh_compute();
}

}  // namespace superpose::train
