#include "tokenizer/model_folder.h"

#include <algorithm>
#include <array>

#include "tokenizer/config_tokens.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::tokenizer {
namespace {

using util::Json;

constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kConfig = "tokenizer_config.json";

std::optional<std::int64_t> id_of(const Tokenizer& tokenizer, const Json& config, const char* key) {
  const std::string token = config_token(config, key);
  const auto id = token.empty() ? std::nullopt : tokenizer.find(token);
  return id ? std::optional<std::int64_t>(*id) : std::nullopt;
}

std::string shown(const Tokenizer& tokenizer, std::int32_t id) {
  return tokenizer.decode(std::span(&id, 1)) + " (id " + std::to_string(id) + ")";
}

bool is_true(const Json& config, const char* key) {
  const auto value = config.find(key);
  return value != config.end() && value->is_boolean() && value->get<bool>();
}

// The ids around a text in use: by tokenizer.json, or by add_bos_token and add_eos_token, which
// some classes of tokenizers and transformers 5 go by.
Framing framing_in_use(const Tokenizer& tokenizer, const Json& config) {
  Framing framing = tokenizer.framing();
  const auto add = [&](const char* key, const char* token, std::vector<std::int32_t>& ids) {
    const auto id = is_true(config, key) ? id_of(tokenizer, config, token) : std::nullopt;
    if (id && ids.empty()) ids.push_back(static_cast<std::int32_t>(*id));
  };
  add("add_bos_token", "bos_token", framing.before);
  add("add_eos_token", "eos_token", framing.after);
  return framing;
}

class Use {
 public:
  Use(const Tokenizer& tokenizer, const Json& config, std::int64_t end_of_document)
      : tokenizer_(tokenizer), config_(config), end_(end_of_document) {}

  std::vector<std::string> untrained() && {
    const Framing framing = framing_in_use(tokenizer_, config_);
    // In training the end of a document stands on both sides of a text.
    add_framing("begins", framing.before);
    add_framing("ends", framing.after);
    add_end();
    add_unknown();
    return std::move(lines_);
  }

 private:
  void add_framing(const char* verb, const std::vector<std::int32_t>& ids) {
    std::vector<std::string> tokens;
    for (const std::int32_t id : ids) {
      if (id != end_) tokens.push_back(shown(tokenizer_, id));
    }
    if (tokens.empty()) return;
    lines_.push_back(std::string("in use the tokenizer ") + verb + " every text with " +
                     util::join(tokens, ", ") +
                     ", which training never puts there: encode with add_special_tokens=False, or "
                     "take it out of the post_processor of tokenizer.json");
  }

  void add_end() {
    const auto id = id_of(tokenizer_, config_, "eos_token");
    if (!id || *id == end_) return;
    lines_.push_back(
        "the tokenizer's eos_token is " + shown(tokenizer_, static_cast<std::int32_t>(*id)) +
        ", but documents end with " + shown(tokenizer_, static_cast<std::int32_t>(end_)) +
        ": the model ends texts with the latter alone (data.end_of_document)");
  }

  // transformers gives such tokens new ids behind the vocabulary.
  void add_unknown() {
    std::vector<std::string> unknown;
    for (const std::string& token : config_tokens(config_)) {
      if (!tokenizer_.find(token)) unknown.push_back(token);
    }
    if (unknown.empty()) return;
    lines_.push_back(std::string(kConfig) + " names " + util::join(unknown, ", ") + ", which " +
                     kTokenizer + " lacks: transformers adds new ids for them");
  }

  const Tokenizer& tokenizer_;
  const Json& config_;
  std::int64_t end_;
  std::vector<std::string> lines_;
};

}  // namespace

ModelFolder make_model_folder(std::string json, const std::string& config_json,
                              std::int64_t end_of_document, std::int64_t longest_text) {
  const Tokenizer tokenizer = Tokenizer::from_json(json, kTokenizer);
  Json config = util::parse_json(config_json, kConfig);
  util::require(config.is_object(), kConfig, ": expected an object");
  const auto end = static_cast<std::int32_t>(end_of_document);
  if (config_token(config, "eos_token").empty()) {
    config["eos_token"] = tokenizer.decode(std::span(&end, 1));
  }
  config["model_max_length"] = longest_text;
  // By itself transformers 4 also gives token_type_ids, which generate() refuses for these models.
  if (!config.contains("model_input_names")) {
    config["model_input_names"] = Json::array({"input_ids", "attention_mask"});
  }
  config["add_prefix_space"] = tokenizer.puts_space_in_front();
  return {.json = std::move(json),
          .config_json = config.dump(2) + "\n",
          .end_of_document = end_of_document,
          .longest_text = longest_text,
          .begin_of_text = id_of(tokenizer, config, "bos_token"),
          .padding = id_of(tokenizer, config, "pad_token"),
          .untrained = Use(tokenizer, config, end_of_document).untrained()};
}

}  // namespace superpose::tokenizer
