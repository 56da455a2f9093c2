#include "train/initial_weights.h"

#include <map>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/model_files.h"
#include "checkpoint/model_shape.h"
#include "inference/load.h"
#include "train/tokenizer_changes.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::train {
namespace {

std::string hash_of_file(const std::filesystem::path& file) {
  util::Hasher hasher;
  const util::MappedFile mapped(file);
  hasher.update(mapped.bytes());
  return util::hex64(hasher.digest64());
}

std::string weights_hash(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / checkpoint::kModelFile)) {
    return hash_of_file(folder / checkpoint::kModelFile);
  }
  std::map<std::string, std::string> hashes;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    hashes.emplace(entry.path().filename().string(), hash_of_file(entry.path()));
  }
  util::Hasher hasher;
  for (const auto& [name, hash] : hashes) hasher.update(name + " " + hash + "\n");
  return util::hex64(hasher.digest64());
}

std::string read_if_there(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? util::read_file(file) : std::string();
}

util::Json look(std::filesystem::path folder, const std::filesystem::path& checkpoints) {
  const std::vector<std::filesystem::path> own = checkpoint::list(checkpoints);
  if (!std::filesystem::exists(folder) && !own.empty()) folder = own.back();
  const std::filesystem::path config = folder / "config.json";
  util::require(std::filesystem::is_regular_file(config), "model.init_from: ", folder.string(),
                " is not the folder of a Hugging Face model: it holds no config.json");
  const checkpoint::ModelFiles files(folder);  // refuses what is not whole
  return {{"folder", folder.string()},
          {"config", util::read_file(config)},
          {"tokenizer", read_if_there(folder / "tokenizer.json")}};
}

// Fills what the recipe leaves open; a line for what it says otherwise.
class Shape {
 public:
  explicit Shape(std::vector<std::string>& contradictions) : contradictions_(contradictions) {}

  void take(const char* key, std::int64_t& recipe, std::int64_t folder) const {
    if (recipe != 0 && recipe != folder) note(key, std::to_string(folder), std::to_string(recipe));
    recipe = folder;
  }
  void take(const char* key, double& recipe, double folder) const {
    if (recipe != 0 && recipe != folder) {
      note(key, util::format_double(folder), util::format_double(recipe));
    }
    recipe = folder;
  }
  void take(const char* key, model::Toggle& recipe, bool folder) const {
    const model::Toggle value = folder ? model::Toggle::kOn : model::Toggle::kOff;
    if (recipe != model::Toggle::kPreset && recipe != value) {
      note(key, folder ? "on" : "off", folder ? "off" : "on");
    }
    recipe = value;
  }
  void note(const char* key, const std::string& folder, const std::string& recipe) const {
    contradictions_.push_back("model." + std::string(key) + " (folder " + folder + ", recipe " +
                              recipe + ")");
  }

 private:
  std::vector<std::string>& contradictions_;
};

}  // namespace

std::optional<InitialWeights> find_initial_weights(const std::string& folder,
                                                   const std::filesystem::path& checkpoints,
                                                   distributed::Collective& collective) {
  if (folder.empty()) return std::nullopt;
  const std::string text =
      collective.broadcast_result([&] { return look(folder, checkpoints).dump(); }, 0);
  const util::Json found = util::parse_json(text, "model.init_from");
  InitialWeights weights;
  weights.folder = found.at("folder").get<std::string>();
  weights.model = checkpoint::from_config_json(found.at("config").get<std::string>(),
                                               (weights.folder / "config.json").string());
  found.at("tokenizer").get_to(weights.tokenizer_json);
  return weights;
}

std::string hash_of(const InitialWeights& weights, distributed::Collective& collective) {
  return collective.broadcast_result([&weights] { return weights_hash(weights.folder); }, 0);
}

RunConfig with_initial_weights(const RunConfig& recipe, const InitialWeights& weights) {
  RunConfig config = recipe;
  const model::ModelConfig shape = from_hugging_face(weights.model);
  model::ModelConfig& model = config.model;
  util::require(model.preset.empty(), "model.preset: must be empty with model.init_from, which ",
                "brings its shape, got ", model.preset);
  std::vector<std::string> contradictions;
  const Shape take(contradictions);
  take.take("vocab_size", model.vocab_size, shape.vocab_size);
  take.take("hidden_size", model.hidden_size, shape.hidden_size);
  take.take("num_layers", model.num_layers, shape.num_layers);
  take.take("num_heads", model.num_heads, shape.num_heads);
  take.take("num_kv_heads", model.num_kv_heads, shape.num_kv_heads);
  take.take("head_dim", model.head_dim, shape.head_dim);
  take.take("ffn_size", model.ffn_size, shape.ffn_size);
  take.take("tie_embeddings", model.tie_embeddings, shape.tied());
  take.take("qk_norm", model.qk_norm, shape.has_qk_norm());
  take.take("qkv_bias", model.qkv_bias, shape.has_qkv_bias());
  take.take("no_rope_interval", model.no_rope_interval, shape.no_rope_interval);
  take.take("rope_theta", model.rope_theta, shape.rope_theta);
  take.take("norm_eps", model.norm_eps, shape.norm_eps);
  // How long rows may be is the run's to say; longer ones are what rope_scaling is for.
  if (model.max_positions == 0) model.max_positions = shape.max_positions;
  const model::RopeScaling plain;
  const bool is_open = model.rope_scaling == plain;
  if (!is_open && model.rope_scaling != shape.rope_scaling) {
    take.note("rope_scaling", "another", "one of its own");
  }
  model.rope_scaling = shape.rope_scaling;
  if (model.moe != model::MoeConfig() && model.moe != shape.moe) {
    take.note("moe", "another", "one of its own");
  }
  model.moe = shape.moe;
  util::require(contradictions.empty(), "model.init_from: the recipe contradicts ",
                (weights.folder / "config.json").string(), ":\n  ",
                util::join(contradictions, "\n  "),
                "\nRemove these keys: the shape is the folder's");
  const corpus::DataConfig unnamed;
  if (config.data.tokenizer == unnamed.tokenizer && !weights.tokenizer_json.empty()) {
    config.data.tokenizer = weights.folder.string();
  }
  return config;
}

std::optional<std::string> check_tokenizer(const InitialWeights& weights,
                                           const std::string& tokenizer_json,
                                           std::int64_t vocabulary_size) {
  const std::int64_t rows = weights.model.vocab_size;
  util::require(vocabulary_size <= rows, "model.init_from: the corpus has ", vocabulary_size,
                " ids, ", vocabulary_size - rows, " more than the ", rows, " rows of ",
                weights.folder.string(), ": name its tokenizer in data.tokenizer");
  if (weights.tokenizer_json == tokenizer_json && !tokenizer_json.empty()) return std::nullopt;
  if (weights.tokenizer_json.empty() || tokenizer_json.empty()) {
    return std::string(weights.tokenizer_json.empty() ? weights.folder.string() : "this corpus") +
           " has no tokenizer.json: that its ids mean what the weights know cannot be checked";
  }
  check_same_ids(weights.tokenizer_json, tokenizer_json, "model.init_from",
                 (weights.folder / "tokenizer.json").string());
  return std::nullopt;
}

void load_initial_weights(const InitialWeights& weights, const model::ModelConfig& resolved,
                          model::FlatParameters& parameters, distributed::Collective& collective) {
  collective.broadcast_result(
      [&] {
        inference::read_weights(weights.folder, resolved.tied(), parameters);
        return std::string();
      },
      0);
  collective.broadcast(parameters.master(), 0);
  parameters.refresh_compute();
}

}  // namespace superpose::train
