#include "tokenizer/config_tokens.h"

#include <algorithm>
#include <array>

namespace superpose::tokenizer {
namespace {

using util::Json;

constexpr std::array<const char*, 7> kKeys = {"bos_token", "eos_token", "unk_token", "sep_token",
                                              "pad_token", "cls_token", "mask_token"};
constexpr const char* kMore = "additional_special_tokens";

std::string text_of(const Json& token) {
  if (token.is_string()) return token.get<std::string>();
  if (!token.is_object()) return "";
  const auto content = token.find("content");
  return content != token.end() && content->is_string() ? content->get<std::string>() : "";
}

}  // namespace

std::string config_token(const Json& config, const char* key) {
  const auto token = config.find(key);
  return token == config.end() ? "" : text_of(*token);
}

std::vector<std::string> config_tokens(const Json& config) {
  std::vector<std::string> tokens;
  const auto add = [&tokens](const std::string& token) {
    const bool is_new = std::find(tokens.begin(), tokens.end(), token) == tokens.end();
    if (!token.empty() && is_new) tokens.push_back(token);
  };
  for (const char* key : kKeys) add(config_token(config, key));
  if (config.contains(kMore) && config[kMore].is_array()) {
    for (const Json& token : config[kMore]) add(text_of(token));
  }
  return tokens;
}

void fill_config_tokens(Json& config, const Json& map) {
  for (const char* key : kKeys) {
    const std::string token = config_token(map, key);
    if (!token.empty() && config_token(config, key).empty()) config[key] = token;
  }
}

}  // namespace superpose::tokenizer
