#include "tokenizer/load.h"

#include <array>
#include <filesystem>
#include <vector>

#include "tokenizer/bytes.h"
#include "tokenizer/config_tokens.h"
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

std::int32_t id_of(const Tokenizer& tokenizer, const std::string& token, const std::string& who) {
  const std::optional<std::int32_t> id = tokenizer.find(token);
  util::require(id.has_value(), who, ": the end-of-document token \"", token,
                "\" is not in the vocabulary");
  return *id;
}

// Special tokens with a usual name.
std::vector<std::string> usual_end_tokens(const Tokenizer& tokenizer) {
  std::vector<std::string> found;
  for (const std::string_view candidate : kUsualNames) {
    const auto id = tokenizer.find(candidate);
    const bool is_special = id && tokenizer.bytes_per_id()[static_cast<std::size_t>(*id)] == 0;
    if (is_special) found.emplace_back(candidate);
  }
  return found;
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
constexpr const char* kConfig = "tokenizer_config.json";

// The file that a spec means.
fs::path file_of(const std::string& spec) {
  const fs::path path(spec);
  return fs::is_directory(path) ? path / "tokenizer.json" : path;
}

std::string read_text(const fs::path& path) {
  return std::string(util::without_byte_order_mark(util::read_file(path)));
}

// A file of JSON next to the tokenizer's; null where there is none.
Json object_next_to(const fs::path& file, const char* name, const std::string& spec) {
  const fs::path path = file.parent_path() / name;
  if (!fs::exists(path)) return nullptr;
  const std::string who = spec + ": " + name + " next to it";
  Json object = util::parse_json(read_text(path), who);
  util::require(object.is_object(), who, ": expected an object");
  return object;
}

// The token that ends a document where the recipe names none.
std::string end_token_of(const Tokenizer& tokenizer, const Json& config, const Json& map,
                         const std::string& spec) {
  const std::string configured = config.is_null() ? "" : config_token(config, "eos_token");
  if (!configured.empty()) return configured;
  const std::vector<std::string> usual = usual_end_tokens(tokenizer);
  if (usual.size() == 1) return usual[0];
  const std::string mapped = map.is_null() ? "" : config_token(map, "eos_token");
  if (!mapped.empty()) return mapped;
  util::require(!usual.empty(), spec,
                ": no token that ends a document is known (no eos_token in a tokenizer_config.json "
                "next to it, no special token with a usual name): name one in "
                "data.end_of_document; any token of the vocabulary will do, a line end (\"\\n\") "
                "for example");
  util::fail(spec, ": which token ends a document? It may be ", util::join(usual, " or "),
             ": name one in data.end_of_document");
}

// tokenizer_config.json for a model folder: the one next to the tokenizer, with the special tokens
// of a special_tokens_map.json, or a new one.
std::string config_json_of(const fs::path& file, const Json& config, const Json& map,
                           const std::string& end_token) {
  if (config.is_null() && map.is_null()) return config_json_for(end_token);
  Json filled = config.is_null() ? util::parse_json(config_json_for(end_token), kConfig) : config;
  if (!map.is_null()) fill_config_tokens(filled, map);
  if (filled == config) return read_text(file.parent_path() / kConfig);
  return filled.dump(2) + "\n";
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
  const fs::path file = file_of(spec);
  const Json config = is_bytes ? util::parse_json(byte_tokenizer_config_json(), kConfig)
                               : object_next_to(file, kConfig, spec);
  const Json map = is_bytes ? Json() : object_next_to(file, "special_tokens_map.json", spec);
  const std::string end_token =
      end_of_document.empty() ? end_token_of(tokenizer, config, map, spec) : end_of_document;
  std::string config_json =
      is_bytes ? byte_tokenizer_config_json() : config_json_of(file, config, map, end_token);
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
