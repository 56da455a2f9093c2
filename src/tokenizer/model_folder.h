// The tokenizer as the folder of a trained model holds it, for Hugging Face's transformers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace superpose::tokenizer {

struct ModelFolder {
  std::string json;         // tokenizer.json, as it was
  std::string config_json;  // tokenizer_config.json
  std::int64_t end_of_document = 0;
  std::int64_t longest_text = 0;              // tokens that a row of training held
  std::optional<std::int64_t> begin_of_text;  // id of bos_token, where it is named
  std::optional<std::int64_t> padding;        // id of pad_token, likewise; none is made up
  // What transformers does with this tokenizer that training does not do: a line each. The model
  // then meets ids that it was not trained on.
  std::vector<std::string> untrained = {};
};

// `json` and `config_json` as LoadedTokenizer has them. The configuration that is returned says how
// long a text may be (model_max_length), what the model takes (model_input_names), whether a space
// is put in front (as tokenizer.json does), and what ends a text where it did not. Throws
// util::Error where either cannot be read.
ModelFolder make_model_folder(std::string json, const std::string& config_json,
                              std::int64_t end_of_document, std::int64_t longest_text);

}  // namespace superpose::tokenizer
