#include "checkpoint/hugging_face.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string_view>

#include "checkpoint/strict_json.h"
#include "util/error.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::checkpoint {
namespace {

using nlohmann::json;
using util::Json;

constexpr std::array kArchitectures = {
    ArchitectureTraits{.value = Architecture::kLlama,
                       .class_name = "LlamaForCausalLM",
                       .model_type = "llama",
                       .has_mlp_bias_key = true,
                       .has_window_keys = false},
    ArchitectureTraits{.value = Architecture::kQwen2,
                       .class_name = "Qwen2ForCausalLM",
                       .model_type = "qwen2",
                       .has = {.qkv_bias = true}},
    ArchitectureTraits{.value = Architecture::kQwen3,
                       .class_name = "Qwen3ForCausalLM",
                       .model_type = "qwen3",
                       .has = {.qk_norm = true},
                       .head_dim = 128},
    ArchitectureTraits{.value = Architecture::kSmolLM3,
                       .class_name = "SmolLM3ForCausalLM",
                       .model_type = "smollm3",
                       .has = {.skips_rotary = true},
                       .has_mlp_bias_key = true,
                       .rope_theta = 2'000'000,
                       .tied = true},
    ArchitectureTraits{.value = Architecture::kQwen3Moe,
                       .class_name = "Qwen3MoeForCausalLM",
                       .model_type = "qwen3_moe",
                       .has = {.qk_norm = true, .experts = true}},
};

// SmolLM3Config's, where neither the list nor the interval is given.
constexpr std::int64_t kDefaultNoRopeInterval = 4;

// Keys that change nothing in what the model computes.
constexpr std::array<std::string_view, 12> kIgnoredKeys = {
    "transformers_version", "use_cache",         "_name_or_path",
    "return_dict",          "output_attentions", "output_hidden_states",
    "max_window_layers",    "_commit_hash",      "_attn_implementation_autoset",
    "is_decoder",           "problem_type",      "torchscript"};

// An object whose every key must be asked for.
class Reader {
 public:
  Reader(const json& object, std::string who) : object_(object), who_(std::move(who)) {}

  const std::string& who() const { return who_; }

  // Null where the key is absent or null: transformers writes null for "not set".
  const json* find(const std::string& key) {
    asked_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::int64_t size(const std::string& key) {
    const json* value = find(key);
    util::require(value != nullptr, who_, ": ", key, ": missing");
    return to_size(*value, key);
  }

  std::int64_t size_or(const std::string& key, std::int64_t otherwise) {
    const json* value = find(key);
    return value == nullptr ? otherwise : to_size(*value, key);
  }

  double number_or(const std::string& key, double otherwise) {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    util::require(value->is_number() && value->get<double>() > 0, who_, ": ", key,
                  ": expected a number > 0, got ", value->dump());
    return value->get<double>();
  }

  bool flag_or(const std::string& key, bool otherwise) {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    util::require(value->is_boolean(), who_, ": ", key, ": expected true or false, got ",
                  util::shortened(value->dump()));
    return value->get<bool>();
  }

  std::string text_or(const std::string& key, const std::string& otherwise) {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    util::require(value->is_string(), who_, ": ", key, ": expected a text, got ",
                  util::shortened(value->dump()));
    return value->get<std::string>();
  }

  // For what this program computes in one way only.
  void only(const std::string& key, const json& supported) {
    const json* value = find(key);
    util::require(value == nullptr || *value == supported, who_, ": ", key, ": only ",
                  supported.dump(), " is supported, got ",
                  value == nullptr ? "" : util::shortened(value->dump()));
  }

  void ignore(std::string_view key) { asked_.emplace(key); }

  void refuse_unknown() const {
    for (const auto& [key, value] : object_.items()) {
      util::require(asked_.contains(key), who_, ": ", key,
                    ": unknown key; the model might compute something else, got ",
                    util::shortened(value.dump()));
    }
  }

 private:
  std::int64_t to_size(const json& value, const std::string& key) const {
    util::require(value.is_number_unsigned() && value.get<std::uint64_t>() > 0 &&
                      value.get<std::uint64_t>() <= std::numeric_limits<std::int32_t>::max(),
                  who_, ": ", key, ": expected a whole number from 1 to 2^31 - 1, got ",
                  util::shortened(value.dump()));
    return value.get<std::int64_t>();
  }

  const json& object_;
  std::string who_;
  std::set<std::string> asked_;
};

struct Rope {
  double theta = 0;
  std::optional<Llama3RopeScaling> scaling;
};

std::optional<Llama3RopeScaling> read_scaling(Reader& reader) {
  const std::string type = reader.text_or("rope_type", reader.text_or("type", "default"));
  util::require(reader.text_or("type", type) == type, reader.who(),
                ": rope_type and type disagree");
  reader.only("partial_rotary_factor", 1.0);
  if (type == "default") return std::nullopt;
  util::require(type == "llama3", reader.who(), ": rope_type: only default and llama3 are ",
                "supported, got ", type);
  for (const char* key : {"factor", "low_freq_factor", "high_freq_factor"}) {
    util::require(reader.find(key) != nullptr, reader.who(), ": ", key, ": missing");
  }
  Llama3RopeScaling scaling;
  scaling.factor = reader.number_or("factor", 0);
  scaling.low_freq_factor = reader.number_or("low_freq_factor", 0);
  scaling.high_freq_factor = reader.number_or("high_freq_factor", 0);
  scaling.original_max_position_embeddings = reader.size("original_max_position_embeddings");
  util::require(scaling.low_freq_factor < scaling.high_freq_factor, reader.who(),
                ": low_freq_factor must be below high_freq_factor");
  return scaling;
}

// rope_theta, rope_scaling (transformers 4), rope_parameters (5): whichever are there must agree.
Rope read_rope(Reader& reader, double default_theta) {
  const json* theta = reader.find("rope_theta");
  const json* scaling = reader.find("rope_scaling");
  const json* parameters = reader.find("rope_parameters");
  Rope version4{.theta = reader.number_or("rope_theta", default_theta), .scaling = {}};
  if (scaling != nullptr) {
    util::require(scaling->is_object(), reader.who(), ": rope_scaling: expected an object");
    Reader inner(*scaling, reader.who() + ": rope_scaling");
    version4.scaling = read_scaling(inner);
    inner.refuse_unknown();
  }
  if (parameters == nullptr) return version4;

  util::require(parameters->is_object(), reader.who(), ": rope_parameters: expected an object");
  Reader inner(*parameters, reader.who() + ": rope_parameters");
  Rope version5{.theta = inner.number_or("rope_theta", version4.theta), .scaling = {}};
  version5.scaling = read_scaling(inner);
  inner.refuse_unknown();
  util::require(theta == nullptr || version4.theta == version5.theta, reader.who(),
                ": rope_theta and rope_parameters disagree");
  util::require(scaling == nullptr || version4.scaling == version5.scaling, reader.who(),
                ": rope_scaling and rope_parameters disagree");
  return version5;
}

Architecture read_architecture(Reader& reader) {
  const std::string type = reader.text_or("model_type", "");
  std::string known;
  for (const ArchitectureTraits& traits : kArchitectures) {
    if (type != traits.model_type) {
      known += (known.empty() ? "" : ", ") + std::string(traits.model_type);
      continue;
    }
    reader.only("architectures", json::array({traits.class_name}));
    return traits.value;
  }
  util::fail(reader.who(), ": model_type: must be one of ", known, ", got ",
             type.empty() ? "none" : type);
}

// no_rope_layers: a 1 for each layer that rotates.
std::vector<int> rotating_layers(std::int64_t num_layers, std::int64_t interval) {
  std::vector<int> rotates;
  for (std::int64_t i = 1; i <= num_layers; ++i) rotates.push_back(i % interval == 0 ? 0 : 1);
  return rotates;
}

std::int64_t read_no_rope_interval(Reader& reader, std::int64_t num_layers) {
  const std::int64_t interval = reader.size_or("no_rope_layer_interval", kDefaultNoRopeInterval);
  reader.only("no_rope_layers", rotating_layers(num_layers, interval));
  return interval;
}

// Of a mixture of experts. Where config.json is silent, what Qwen3MoeConfig takes.
HuggingFaceExperts read_experts(Reader& reader) {
  HuggingFaceExperts experts;
  experts.num_experts = reader.size_or("num_experts", reader.size_or("num_local_experts", 128));
  util::require(reader.size_or("num_local_experts", experts.num_experts) == experts.num_experts,
                reader.who(), ": num_experts and num_local_experts disagree");
  experts.num_experts_per_tok = reader.size_or("num_experts_per_tok", 8);
  util::require(experts.num_experts_per_tok <= experts.num_experts, reader.who(),
                ": num_experts_per_tok must be <= ", experts.num_experts, ", got ",
                experts.num_experts_per_tok);
  experts.moe_intermediate_size = reader.size_or("moe_intermediate_size", 768);
  experts.norm_topk_prob = reader.flag_or("norm_topk_prob", false);
  experts.decoder_sparse_step = reader.size_or("decoder_sparse_step", 1);
  if (const json* layers = reader.find("mlp_only_layers")) {
    util::require(layers->is_array() &&
                      std::all_of(layers->begin(), layers->end(),
                                  [](const json& layer) { return layer.is_number_unsigned(); }),
                  reader.who(), ": mlp_only_layers: expected a list of layers, got ",
                  layers->dump());
    layers->get_to(experts.mlp_only_layers);
  }
  // Of training with transformers: what this program trains with is in its own recipe.
  reader.ignore("router_aux_loss_coef");
  reader.ignore("output_router_logits");
  return experts;
}

void refuse_unsupported(Reader& reader, const ArchitectureTraits& traits, std::int64_t num_layers) {
  reader.only("hidden_act", "silu");
  reader.only("attention_bias", traits.has.qkv_bias);
  reader.only("mlp_bias", false);
  reader.only("attention_dropout", 0);
  reader.only("pretraining_tp", 1);
  reader.only("use_sliding_window", false);
  // Inert while use_sliding_window is false, which has just been checked.
  reader.ignore("sliding_window");
  reader.only("layer_types", json(std::vector<std::string>(static_cast<std::size_t>(num_layers),
                                                           "full_attention")));
}

std::optional<std::int64_t> read_token(Reader& reader, const std::string& key) {
  const json* value = reader.find(key);
  if (value == nullptr) return std::nullopt;
  util::require(value->is_number_integer(), reader.who(), ": ", key, ": expected a token id, got ",
                value->dump());
  return value->get<std::int64_t>();
}

std::vector<std::int64_t> read_end_tokens(Reader& reader) {
  const json* value = reader.find("eos_token_id");
  if (value == nullptr) return {};
  const json list = value->is_array() ? *value : json::array({*value});
  for (const json& id : list) {
    util::require(id.is_number_integer(), reader.who(), ": eos_token_id: expected token ids, got ",
                  value->dump());
  }
  return list.get<std::vector<std::int64_t>>();
}

void read_sizes(Reader& reader, HuggingFaceModel& model) {
  model.vocab_size = reader.size("vocab_size");
  model.hidden_size = reader.size("hidden_size");
  model.intermediate_size = reader.size("intermediate_size");
  model.num_hidden_layers = reader.size("num_hidden_layers");
  model.num_attention_heads = reader.size("num_attention_heads");
  model.num_key_value_heads = reader.size_or("num_key_value_heads", model.num_attention_heads);
  model.max_position_embeddings = reader.size("max_position_embeddings");
  const std::int64_t head_dim = traits_of(model.architecture).head_dim;
  model.head_dim = reader.size_or(
      "head_dim", head_dim > 0 ? head_dim : model.hidden_size / model.num_attention_heads);
  util::require(model.num_attention_heads % model.num_key_value_heads == 0, reader.who(),
                ": num_attention_heads must be a multiple of num_key_value_heads, got ",
                model.num_attention_heads, " and ", model.num_key_value_heads);
  util::require(model.head_dim > 0 && model.head_dim % 2 == 0, reader.who(),
                ": head_dim must be even, got ", model.head_dim);
}

Json end_tokens_json(const HuggingFaceModel& model) {
  if (model.eos_token_ids.empty()) return nullptr;
  if (model.eos_token_ids.size() == 1) return model.eos_token_ids[0];
  return model.eos_token_ids;
}

Json token_json(const std::optional<std::int64_t>& id) {
  return id.has_value() ? Json(*id) : Json(nullptr);
}

void put_rope(const HuggingFaceModel& model, Json& config) {
  Json scaling;
  scaling["rope_type"] = model.rope_scaling.has_value() ? "llama3" : "default";
  if (model.rope_scaling.has_value()) {
    scaling["factor"] = model.rope_scaling->factor;
    scaling["low_freq_factor"] = model.rope_scaling->low_freq_factor;
    scaling["high_freq_factor"] = model.rope_scaling->high_freq_factor;
    scaling["original_max_position_embeddings"] =
        model.rope_scaling->original_max_position_embeddings;
  }
  config["rope_theta"] = model.rope_theta;
  config["rope_scaling"] = model.rope_scaling.has_value() ? scaling : Json(nullptr);
  config["rope_parameters"] = scaling;
  config["rope_parameters"]["rope_theta"] = model.rope_theta;
}

// The number of experts in both spellings: num_experts (transformers 4), num_local_experts (5).
void put_experts(const HuggingFaceExperts& experts, Json& config) {
  config["num_experts"] = experts.num_experts;
  config["num_local_experts"] = experts.num_experts;
  config["num_experts_per_tok"] = experts.num_experts_per_tok;
  config["moe_intermediate_size"] = experts.moe_intermediate_size;
  config["norm_topk_prob"] = experts.norm_topk_prob;
  config["decoder_sparse_step"] = experts.decoder_sparse_step;
  config["mlp_only_layers"] = experts.mlp_only_layers;
}

// The keys that one family has and another lacks.
void put_family(const HuggingFaceModel& model, const ArchitectureTraits& traits, Json& config) {
  if (!traits.has.qkv_bias) config["attention_bias"] = false;  // which would be o's, too
  if (traits.has_mlp_bias_key) config["mlp_bias"] = false;
  if (traits.has_window_keys) {
    config["use_sliding_window"] = false;
    config["sliding_window"] = nullptr;
    config["max_window_layers"] = model.num_hidden_layers;
  }
  if (traits.has.skips_rotary) {
    config["no_rope_layer_interval"] = model.no_rope_interval;
    config["no_rope_layers"] = rotating_layers(model.num_hidden_layers, model.no_rope_interval);
  }
  if (traits.has.experts) put_experts(model.experts, config);
}

}  // namespace

const ArchitectureTraits& traits_of(Architecture value) {
  for (const ArchitectureTraits& traits : kArchitectures) {
    if (traits.value == value) return traits;
  }
  util::fail("config.json: no such architecture");
}

Architecture find_architecture(const ArchitectureFeatures& features) {
  for (const ArchitectureTraits& traits : kArchitectures) {
    if (traits.has == features) return traits.value;
  }
  util::fail("config.json: no Hugging Face architecture has this combination of qk_norm, ",
             "qkv_bias, no_rope_interval and experts");
}

std::string to_config_json(const HuggingFaceModel& model) {
  const ArchitectureTraits& traits = traits_of(model.architecture);
  Json config;
  config["architectures"] = Json::array({traits.class_name});
  config["model_type"] = traits.model_type;
  config["vocab_size"] = model.vocab_size;
  config["hidden_size"] = model.hidden_size;
  config["intermediate_size"] = model.intermediate_size;
  config["num_hidden_layers"] = model.num_hidden_layers;
  config["num_attention_heads"] = model.num_attention_heads;
  config["num_key_value_heads"] = model.num_key_value_heads;
  config["head_dim"] = model.head_dim;
  config["max_position_embeddings"] = model.max_position_embeddings;
  config["rms_norm_eps"] = model.rms_norm_eps;
  put_rope(model, config);
  config["hidden_act"] = "silu";
  config["attention_dropout"] = 0.0;
  put_family(model, traits, config);
  config["initializer_range"] = model.initializer_range;
  config["tie_word_embeddings"] = model.tie_word_embeddings;
  config["bos_token_id"] = token_json(model.bos_token_id);
  config["eos_token_id"] = end_tokens_json(model);
  config["pad_token_id"] = token_json(model.pad_token_id);
  config["dtype"] = model.dtype;
  config["use_cache"] = true;
  return config.dump(2) + "\n";
}

std::string to_generation_config_json(const HuggingFaceModel& model) {
  Json config;
  config["bos_token_id"] = token_json(model.bos_token_id);
  config["eos_token_id"] = end_tokens_json(model);
  config["pad_token_id"] = token_json(model.pad_token_id);
  return config.dump(2) + "\n";
}

HuggingFaceModel from_config_json(const std::string& text, const std::string& who) {
  const json root = parse_strict_object(text, who);
  Reader reader(root, who);
  HuggingFaceModel model;
  model.architecture = read_architecture(reader);
  const ArchitectureTraits& traits = traits_of(model.architecture);
  read_sizes(reader, model);
  refuse_unsupported(reader, traits, model.num_hidden_layers);
  const Rope rope = read_rope(reader, traits.rope_theta);
  model.rope_theta = rope.theta;
  model.rope_scaling = rope.scaling;
  if (traits.has.skips_rotary) {
    model.no_rope_interval = read_no_rope_interval(reader, model.num_hidden_layers);
  }
  if (traits.has.experts) model.experts = read_experts(reader);
  util::require(reader.find("rms_norm_eps") != nullptr, who, ": rms_norm_eps: missing");
  model.rms_norm_eps = reader.number_or("rms_norm_eps", 0);
  model.initializer_range = reader.number_or("initializer_range", model.initializer_range);
  model.tie_word_embeddings = reader.flag_or("tie_word_embeddings", traits.tied);
  // transformers before 4.56 wrote torch_dtype.
  model.dtype = reader.text_or("dtype", reader.text_or("torch_dtype", model.dtype));
  model.bos_token_id = read_token(reader, "bos_token_id");
  model.eos_token_ids = read_end_tokens(reader);
  model.pad_token_id = read_token(reader, "pad_token_id");
  for (const std::string_view key : kIgnoredKeys) reader.ignore(key);
  reader.refuse_unknown();
  return model;
}

}  // namespace superpose::checkpoint
