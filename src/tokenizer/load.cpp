#include "tokenizer/load.h"

#include <array>
#include <filesystem>
#include <vector>

#include "tokenizer/bytes.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::tokenizer {
namespace {

namespace fs = std::filesystem;
using util::Json;

// Names that tokenizers in use give the token that ends a document; the first found is taken only
// where it is the only one.
constexpr std::array<std::string_view, 6> kUsualNames = {
    "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "<｜end▁of▁sentence｜>"};

// eos_token of a tokenizer_config.json: a text, or an object with its content.
std::string end_token_of(const Json& config) {
  const auto token = config.find("eos_token");
  if (token == config.end()) return "";
  if (token->is_string()) return token->get<std::string>();
  if (!token->is_object()) return "";
  const auto content = token->find("content");
  return content != token->end() && content->is_string() ? content->get<std::string>() : "";
}

std::int32_t id_of(const Tokenizer& tokenizer, const std::string& token, const std::string& who) {
  const std::optional<std::int32_t> id = tokenizer.find(token);
  util::require(id.has_value(), who, ": the end-of-document token \"", token,
                "\" is not in the vocabulary");
  return *id;
}

// The token that ends a document, by its text.
std::string usual_end_token(const Tokenizer& tokenizer, const std::string& name) {
  std::vector<std::string> found;
  for (const std::string_view candidate : kUsualNames) {
    const auto id = tokenizer.find(candidate);
    const bool is_special = id && tokenizer.bytes_per_id()[static_cast<std::size_t>(*id)] == 0;
    if (is_special) found.emplace_back(candidate);
  }
  util::require(!found.empty(), name,
                ": no token that ends a document is known (no eos_token in a tokenizer_config.json "
                "beside it, no token with a usual name): name one");
  util::require(found.size() == 1, name, ": which token ends a document? It may be ",
                util::join(found, " or "), ": name one");
  return found[0];
}

std::string config_json_for(const std::string& end_token) {
  const Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                       {"eos_token", end_token},
                       {"clean_up_tokenization_spaces", false}};
  return config.dump(2) + "\n";
}

std::int64_t padded(std::int64_t vocabulary_size) {
  constexpr std::int64_t kMultiple = 64;
  return (vocabulary_size + kMultiple - 1) / kMultiple * kMultiple;
}

LoadedTokenizer load_bytes(const std::string& end_of_document) {
  util::require(end_of_document.empty() || end_of_document == kEndOfDocumentText,
                "tokenizer \"bytes\": the end-of-document token is ", kEndOfDocumentText, ", got ",
                end_of_document);
  std::string json = byte_tokenizer_json();
  Tokenizer tokenizer = Tokenizer::from_json(json, "bytes");
  return {.tokenizer = std::move(tokenizer),
          .name = "bytes",
          .json = std::move(json),
          .config_json = byte_tokenizer_config_json(),
          .end_of_document = kEndOfDocument,
          .padded_vocabulary_size = kPaddedByteVocabulary};
}

}  // namespace

LoadedTokenizer load_tokenizer(const std::string& spec, const std::string& end_of_document) {
  if (spec == "bytes") return load_bytes(end_of_document);
  fs::path path(spec);
  if (fs::is_directory(path)) path /= "tokenizer.json";
  std::string json = util::read_file(path);
  Tokenizer tokenizer = Tokenizer::from_json(json, path.string());

  std::string end_token = end_of_document;
  std::string config_json;
  const fs::path config_path = path.parent_path() / "tokenizer_config.json";
  if (fs::exists(config_path)) {
    config_json = util::read_file(config_path);
    const Json config = util::parse_json(config_json, config_path.string());
    util::require(config.is_object(), config_path.string(), ": expected an object");
    if (end_token.empty()) end_token = end_token_of(config);
  }
  if (end_token.empty()) end_token = usual_end_token(tokenizer, path.string());
  if (config_json.empty()) config_json = config_json_for(end_token);
  const std::int32_t end = id_of(tokenizer, end_token, path.string());
  const std::int64_t rows = padded(tokenizer.vocabulary_size());
  return {.tokenizer = std::move(tokenizer),
          .name = spec,
          .json = std::move(json),
          .config_json = std::move(config_json),
          .end_of_document = end,
          .padded_vocabulary_size = rows};
}

}  // namespace superpose::tokenizer
