// Shape of the decoder: what a recipe says, and what it resolves to.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::model {

// A yes or no that a preset may decide. After resolve() it is kOff or kOn.
enum class Toggle { kPreset, kOff, kOn };
inline constexpr std::array<std::string_view, 3> kToggleNames = {"preset", "off", "on"};

// How rotary frequencies are changed for long contexts; kLlama3 as in Llama 3.1 (formula in
// rotary_table.h).
enum class RopeScalingKind { kNone, kLlama3 };
inline constexpr std::array<std::string_view, 2> kRopeScalingNames = {"none", "llama3"};

struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::kNone;
  double factor = 8.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::int64_t original_max_positions = 8192;

  bool operator==(const RopeScaling&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.choice("kind", self.kind, kRopeScalingNames, "scaling of rotary frequencies");
    v.field("factor", self.factor, "llama3: low frequencies are divided by this");
    v.field("low_freq_factor", self.low_freq_factor,
            "llama3: wavelengths above original_max_positions / this are divided");
    v.field("high_freq_factor", self.high_freq_factor,
            "llama3: wavelengths below original_max_positions / this are kept");
    v.field("original_max_positions", self.original_max_positions,
            "llama3: positions before scaling");
  }
  void validate() const;
};

// A mixture of experts in place of the feed-forward, as Qwen3-MoE has it (moe_block.h).
struct MoeConfig {
  std::int64_t num_experts = 0;        // 0 = none: every layer is dense
  std::int64_t experts_per_token = 2;  // k
  std::int64_t ffn_size = 0;           // of an expert
  bool normalize_shares = true;        // divide the k shares by their sum (norm_topk_prob)
  // Layer i, from 0, has experts where this divides i + 1 and i is not one of dense_layers.
  std::int64_t every = 1;
  std::vector<std::int64_t> dense_layers;

  bool operator==(const MoeConfig&) const = default;
  bool is_in_layer(std::int64_t index) const;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("num_experts", self.num_experts, "experts of a layer; 0 = dense layers alone");
    v.field("experts_per_token", self.experts_per_token, "experts that a position goes to");
    v.field("ffn_size", self.ffn_size, "inner width of an expert");
    v.field("normalize_shares", self.normalize_shares,
            "divide a position's shares by their sum (norm_topk_prob)");
    v.field("every", self.every, "every so many layers has experts; 1 = all");
    v.field("dense_layers", self.dense_layers, "layers without experts, from 0");
  }
  void validate() const;
};

// Llama's decoder (transformers' LlamaForCausalLM); with qk_norm Qwen3's, with qkv_bias Qwen2's,
// with no_rope_interval SmolLM3's. Numbers left at 0 come from the preset; what the preset leaves
// open too takes the default given at the member.
struct ModelConfig {
  std::string preset;  // a name of preset_names(), or "" = the numbers below alone
  // Folder of a Hugging Face model to begin with; "" = new weights. The trainer takes the shape
  // from there before it resolves this.
  std::string init_from;
  // Rows of embedding and head; 0 = the preset's, or the corpus's vocabulary where that is larger.
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;  // 0 = num_heads
  std::int64_t head_dim = 0;      // 0 = hidden_size / num_heads
  std::int64_t ffn_size = 0;
  Toggle tie_embeddings = Toggle::kPreset;  // off, where no preset says otherwise
  Toggle qk_norm = Toggle::kPreset;         // off, where no preset says otherwise
  Toggle qkv_bias = Toggle::kPreset;        // off, where no preset says otherwise
  std::int64_t no_rope_interval = 0;        // 0 = the preset's, or every layer rotates
  double rope_theta = 0;                    // 0 = 10,000
  double norm_eps = 0;                      // 0 = 1e-5
  std::optional<double> init_std;           // auto = 0.02 (initialize.h)
  std::int64_t max_positions = 0;           // 0 = 2,048; a longer row is an error
  RopeScaling rope_scaling;
  MoeConfig moe;

  bool tied() const { return tie_embeddings == Toggle::kOn; }
  bool has_qk_norm() const { return qk_norm == Toggle::kOn; }
  bool has_qkv_bias() const { return qkv_bias == Toggle::kOn; }
  // Whether layer `index`, from 0, rotates queries and keys by their position.
  bool rotates(std::int64_t index) const {
    return no_rope_interval == 0 || (index + 1) % no_rope_interval != 0;
  }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("preset", self.preset, "named shape that fills what is 0 below; empty = none");
    v.added().field("init_from", self.init_from,
                    "folder of a Hugging Face model to begin with, and its shape; empty = new "
                    "weights");
    v.field("vocab_size", self.vocab_size,
            "rows of embedding and head; 0 = preset or corpus, the larger");
    v.field("hidden_size", self.hidden_size, "width of the residual stream");
    v.field("num_layers", self.num_layers, "decoder layers");
    v.field("num_heads", self.num_heads, "query heads");
    v.field("num_kv_heads", self.num_kv_heads, "key and value heads; 0 = preset or num_heads");
    v.field("head_dim", self.head_dim, "width of a head; 0 = preset or hidden_size / num_heads");
    v.field("ffn_size", self.ffn_size, "inner width of the feed-forward layer");
    v.choice("tie_embeddings", self.tie_embeddings, kToggleNames, "head shares the embedding");
    v.choice("qk_norm", self.qk_norm, kToggleNames, "RMS norm of queries and keys, as Qwen3");
    v.added().choice("qkv_bias", self.qkv_bias, kToggleNames,
                     "biases of queries, keys and values, as Qwen2");
    v.added().field("no_rope_interval", self.no_rope_interval,
                    "every so many layers, one without rotary positions, as SmolLM3; 0 = preset "
                    "or none");
    v.field("rope_theta", self.rope_theta, "base of rotary frequencies; 0 = preset or 10000");
    v.field("norm_eps", self.norm_eps, "epsilon of RMS norms; 0 = preset or 1e-5");
    v.field("init_std", self.init_std, "std of initial matrices; auto = 0.02");
    v.field("max_positions", self.max_positions, "longest row; 0 = preset or 2048");
    v.section("rope_scaling", self.rope_scaling, "rotary frequencies for long contexts");
    v.added().section("moe", self.moe, "a mixture of experts in place of the feed-forward");
  }
  // Signs and names only: what a recipe can get wrong before the corpus is known. Throws
  // util::Error.
  void validate() const;
};

// Throws util::Error where the rows of the embedding are fewer than the corpus's ids, rounded up.
void check_vocabulary(std::int64_t vocab_size, std::int64_t corpus_vocab_size);

// Every number filled in: the preset's where `config` has 0, then the defaults. Where the recipe
// names no vocabulary it is the preset's, or `corpus_vocab_size` if that is larger. Throws
// util::Error ("model.hidden_size: ...") for a shape that cannot be built, and where the vocabulary
// is smaller than the corpus's.
ModelConfig resolve(const ModelConfig& config, std::int64_t corpus_vocab_size);

// demo (0.47M with 320 rows), tiny, small, smollm-163m; the dense shapes of the paper (arXiv
// 2605.06546, section 4): paper-270m, paper-600m, paper-3b; and published ones: smollm2-135m,
// smollm2-360m, smollm3-3b, qwen3-0.6b; with experts tiny-moe, paper-10b-a1b, qwen3-30b-a3b.
std::vector<std::string> preset_names();

}  // namespace superpose::model
