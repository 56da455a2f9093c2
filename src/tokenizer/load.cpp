#include "tokenizer/load.h"

#include <array>
#include <filesystem>
#include <vector>

#include "tokenizer/bytes.h"
#include "tokenizer/tiktoken.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"
#include "util/text.h"
#include "util/utf8.h"

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

constexpr std::string_view kBytes = "bytes";

// The file that a spec means.
fs::path file_of(const std::string& spec) {
  const fs::path path(spec);
  return fs::is_directory(path) ? path / "tokenizer.json" : path;
}

std::string read_text(const fs::path& path) {
  return std::string(util::without_byte_order_mark(util::read_file(path)));
}

// tokenizer_config.json beside the file; empty where there is none.
std::string config_beside(const fs::path& file) {
  const fs::path path = file.parent_path() / "tokenizer_config.json";
  return fs::exists(path) ? read_text(path) : "";
}

std::string end_token_beside(const std::string& config_json, const std::string& name) {
  if (config_json.empty()) return "";
  const std::string who = name + ": tokenizer_config.json beside it";
  const Json config = util::parse_json(config_json, who);
  util::require(config.is_object(), who, ": expected an object");
  return end_token_of(config);
}

}  // namespace

Tokenizer open_tokenizer(const std::string& spec) {
  if (spec == kBytes) return Tokenizer::from_json(byte_tokenizer_json(), spec);
  const fs::path file = file_of(spec);
  util::require(fs::exists(file), file.string(), ": no such file; a tokenizer is \"bytes\", a ",
                "tokenizer.json, a folder that holds one, or a tiktoken rank file");
  const std::string content = read_text(file);
  const std::string name = file.string();
  if (is_rank_file(content)) {
    return Tokenizer::from_json(rank_file_to_json(content, name), name);
  }
  // Every JSON file begins so; SentencePiece's files and merges.txt do not.
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  util::require(first != content.npos && content[first] == '{', name,
                ": is neither a tokenizer.json nor a tiktoken rank file");
  return Tokenizer::from_json(content, name);
}

LoadedTokenizer load_tokenizer(const std::string& spec, const std::string& end_of_document) {
  Tokenizer tokenizer = open_tokenizer(spec);
  const bool is_bytes = spec == kBytes;
  std::string config_json = is_bytes ? byte_tokenizer_config_json() : config_beside(file_of(spec));
  std::string end_token = end_of_document;
  if (end_token.empty()) end_token = end_token_beside(config_json, spec);
  if (end_token.empty()) end_token = usual_end_token(tokenizer, spec);
  if (config_json.empty()) config_json = config_json_for(end_token);
  const std::int32_t end = id_of(tokenizer, end_token, spec);
  const std::int64_t rows = is_bytes ? kPaddedByteVocabulary : padded(tokenizer.vocabulary_size());
  std::string json = tokenizer.json();
  return {.tokenizer = std::move(tokenizer),
          .name = spec,
          .json = std::move(json),
          .config_json = std::move(config_json),
          .end_of_document = end,
          .padded_vocabulary_size = rows};
}

}  // namespace superpose::tokenizer
