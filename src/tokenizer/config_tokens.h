// The special tokens that a tokenizer_config.json or a special_tokens_map.json names.
#pragma once

#include <string>
#include <vector>

#include "util/json.h"

namespace superpose::tokenizer {

// bos_token, eos_token, ...: a text, or an object with its content. Empty where there is none.
std::string config_token(const util::Json& config, const char* key);

// All of them, each once.
std::vector<std::string> config_tokens(const util::Json& config);

// Adds those of `map` that `config` does not name.
void fill_config_tokens(util::Json& config, const util::Json& map);

}  // namespace superpose::tokenizer
