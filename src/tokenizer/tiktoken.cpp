#include "tokenizer/tiktoken.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <unordered_map>
#include <vector>

#include "tokenizer/bytes.h"
#include "tokenizer/patterns.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using util::fail;
using util::Json;
using util::require;

struct Special {
  std::string text;
  std::int32_t id;
};

// What a publisher's code adds to the rank file.
struct Encoding {
  std::string_view pattern;
  bool nfc = false;
  std::vector<Special> specials = {};
};

Encoding llama3() {
  Encoding encoding{.pattern = kCl100kPattern};
  std::int32_t id = 128000;
  int reserved = 0;
  const auto add = [&](const std::string& text) { encoding.specials.push_back({text, id++}); };
  const auto reserve = [&](int count) {
    while (count-- > 0) add("<|reserved_special_token_" + std::to_string(reserved++) + "|>");
  };
  add("<|begin_of_text|>");
  add("<|end_of_text|>");
  reserve(4);
  add("<|start_header_id|>");
  add("<|end_header_id|>");
  reserve(1);
  add("<|eot_id|>");
  reserve(246);
  return encoding;
}

Encoding qwen() {
  constexpr int kNumExtras = 205;
  Encoding encoding{.pattern = kQwenPattern, .nfc = true};
  encoding.specials = {{"<|endoftext|>", 151643}, {"<|im_start|>", 151644}, {"<|im_end|>", 151645}};
  for (int i = 0; i < kNumExtras; ++i) {
    encoding.specials.push_back({"<|extra_" + std::to_string(i) + "|>", 151646 + i});
  }
  return encoding;
}

std::optional<Encoding> encoding_of(const std::string& file_name) {
  const std::string stem = file_name.substr(0, file_name.find('.'));
  if (file_name == "tokenizer.model") return llama3();
  if (stem == "qwen") return qwen();
  if (stem == "gpt2" || stem == "r50k_base" || stem == "p50k_base") {
    return Encoding{.pattern = kGpt2Pattern, .specials = {{"<|endoftext|>", 50256}}};
  }
  if (stem == "cl100k_base") {
    return Encoding{.pattern = kTiktokenCl100kPattern,
                    .specials = {{"<|endoftext|>", 100257},
                                 {"<|fim_prefix|>", 100258},
                                 {"<|fim_middle|>", 100259},
                                 {"<|fim_suffix|>", 100260},
                                 {"<|endofprompt|>", 100276}}};
  }
  if (stem == "o200k_base") {
    return Encoding{.pattern = kO200kPattern,
                    .specials = {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}};
  }
  return {};
}

// Bytes of base64 (RFC 4648, padded); empty where it is not base64.
std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return "";
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  int num_bits = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) return "";
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    num_bits += 6;
    if (num_bits >= 8) {
      num_bits -= 8;
      bytes += static_cast<char>((bits >> num_bits) & 0xFF);
    }
  }
  return bytes;
}

struct RankedToken {
  std::string bytes;
  std::int32_t rank = 0;
};

std::optional<RankedToken> parse_line(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == line.npos) return {};
  RankedToken token{.bytes = from_base64(line.substr(0, space))};
  const char* end = line.data() + line.size();
  const auto result = std::from_chars(line.data() + space + 1, end, token.rank);
  const bool is_rank = result.ec == std::errc{} && result.ptr == end && token.rank >= 0;
  if (token.bytes.empty() || !is_rank) return {};
  return token;
}

std::string_view take_line(std::string_view& content) {
  const std::size_t end = std::min(content.find('\n'), content.size());
  std::string_view line = content.substr(0, end);
  content.remove_prefix(std::min(end + 1, content.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

using Ranks = std::unordered_map<std::string, std::int32_t>;

// In the order of ranks.
std::vector<RankedToken> read_tokens(std::string_view content, const std::string& path) {
  std::vector<RankedToken> tokens;
  Ranks seen;
  for (std::size_t line = 1; !content.empty(); ++line) {
    const std::string_view text = take_line(content);
    if (text.empty()) continue;
    std::optional<RankedToken> token = parse_line(text);
    require(token.has_value(), path, ":", line, ": expected a token in base64, a space, a rank");
    require(seen.emplace(token->bytes, token->rank).second, path, ":", line,
            ": the token is listed twice");
    tokens.push_back(std::move(*token));
  }
  std::sort(tokens.begin(), tokens.end(),
            [](const auto& a, const auto& b) { return a.rank < b.rank; });
  const auto twin = std::adjacent_find(
      tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.rank == b.rank; });
  if (twin != tokens.end()) fail(path, ": two tokens have the rank ", twin->rank);
  return tokens;
}

// tiktoken joins any two neighbours that make a token, the lowest rank first. So every way to cut a
// token into two is a merge, in the order of the token's rank.
Json merges_of(const std::vector<RankedToken>& tokens, const auto& spelled) {
  Ranks ranks;
  for (const RankedToken& token : tokens) ranks.emplace(token.bytes, token.rank);
  struct Cut {
    std::int32_t left;
    std::int32_t right;
    std::size_t at;
    auto operator<=>(const Cut&) const = default;
  };
  Json merges = Json::array();
  std::vector<Cut> cuts;
  for (const RankedToken& token : tokens) {
    cuts.clear();
    for (std::size_t at = 1; at < token.bytes.size(); ++at) {
      const auto left = ranks.find(token.bytes.substr(0, at));
      const auto right = ranks.find(token.bytes.substr(at));
      if (left != ranks.end() && right != ranks.end()) {
        cuts.push_back({left->second, right->second, at});
      }
    }
    std::sort(cuts.begin(), cuts.end());
    for (const Cut& cut : cuts) {
      merges.push_back(Json::array(
          {spelled(token.bytes.substr(0, cut.at)), spelled(token.bytes.substr(cut.at))}));
    }
  }
  return merges;
}

// Written by hand: nlohmann's ordered object looks through all members for each new one.
std::string vocabulary_of(const std::vector<RankedToken>& tokens,
                          const std::vector<Special>& specials, const auto& spelled) {
  // The special tokens among them: `tokenizers` then takes their ids from here.
  std::vector<std::pair<std::int32_t, std::string>> entries;
  for (const RankedToken& token : tokens) entries.emplace_back(token.rank, spelled(token.bytes));
  for (const Special& special : specials) entries.emplace_back(special.id, special.text);
  std::sort(entries.begin(), entries.end());
  std::string json = "{";
  for (const auto& [id, text] : entries) {
    if (json.size() > 1) json += ",";
    json += Json(text).dump() + ":" + std::to_string(id);
  }
  return json + "}";
}

void require_all_bytes(const std::vector<RankedToken>& tokens, const std::string& path) {
  std::array<bool, 256> there{};
  for (const RankedToken& token : tokens) {
    if (token.bytes.size() == 1) there[static_cast<unsigned char>(token.bytes[0])] = true;
  }
  const auto missing = std::find(there.begin(), there.end(), false);
  require(missing == there.end(), path, ": no token for the byte ", missing - there.begin());
}

void require_free_ids(const std::vector<RankedToken>& tokens, const std::vector<Special>& specials,
                      const std::string& path) {
  for (const Special& special : specials) {
    const bool is_taken = std::any_of(tokens.begin(), tokens.end(), [&](const RankedToken& token) {
      return token.rank == special.id;
    });
    require(!is_taken, path, ": the rank ", special.id, " is that of the special token ",
            special.text, ": is the file named for what it holds?");
  }
}

Json added_token(const Special& special) {
  return {{"id", special.id}, {"content", special.text}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},  {"normalized", false},     {"special", true}};
}

Json byte_level() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", false}};
}

Json pre_tokenizer_of(const Encoding& encoding) {
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", encoding.pattern}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level()})}};
}

}  // namespace

bool is_rank_file(std::string_view content) { return parse_line(take_line(content)).has_value(); }

std::string rank_file_to_json(std::string_view content, const std::string& path) {
  const std::optional<Encoding> encoding =
      encoding_of(std::filesystem::path(path).filename().string());
  require(encoding.has_value(), path,
          ": a tiktoken rank file holds neither the split expression nor the special tokens; these "
          "are known for gpt2, r50k_base, p50k_base, cl100k_base, o200k_base, qwen (.tiktoken) and "
          "Llama 3's tokenizer.model: name the file so, or use the model's tokenizer.json");
  const std::vector<RankedToken> tokens = read_tokens(content, path);
  const auto alphabet = byte_level_alphabet();
  const auto spelled = [&alphabet](std::string_view bytes) {
    std::string text;
    for (const char c : bytes) text += alphabet[static_cast<unsigned char>(c)];
    return text;
  };
  require_all_bytes(tokens, path);
  require_free_ids(tokens, encoding->specials, path);
  Json added = Json::array();
  for (const Special& special : encoding->specials) added.push_back(added_token(special));
  const Json head = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", encoding->nfc ? Json({{"type", "NFC"}}) : Json()},
                     {"pre_tokenizer", pre_tokenizer_of(*encoding)},
                     {"post_processor", nullptr},
                     {"decoder", byte_level()}};
  std::string json = head.dump();
  json.pop_back();
  return json + R"(,"model":{"type":"BPE","dropout":null,"unk_token":null,)" +
         R"("continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,)" +
         R"("byte_fallback":false,"ignore_merges":true,"vocab":)" +
         vocabulary_of(tokens, encoding->specials, spelled) +
         ",\"merges\":" + merges_of(tokens, spelled).dump() + "}}\n";
}

}  // namespace superpose::tokenizer
