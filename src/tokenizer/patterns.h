// The split expressions of well-known tokenizers, letter by letter as their tokenizer.json files
// have them.
#pragma once

#include <string_view>

namespace superpose::tokenizer {

// GPT-2, NeoX, OLMo, SmolLM; also what the ByteLevel pre-tokenizer uses by itself.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Qwen2, Qwen2.5, Qwen3: digits one by one.
inline constexpr std::string_view kQwenPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// cl100k_base's tokenizer.json (GPT-4), Llama 3, OLMo 2: digits by threes.
inline constexpr std::string_view kCl100kPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// cl100k_base in tiktoken: white space that ends the text is one word, line ends in it or not.
// There it is written \s++$, which Oniguruma would match at the end of a line.
inline constexpr std::string_view kTiktokenCl100kPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\s|\S)|\s*[\r\n]+|\s+(?!\S)|\s+)";

// o200k_base (GPT-4o, gpt-oss).
inline constexpr std::string_view kO200kPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// One of these, or any other.
enum class KnownPattern { kNone, kGpt2, kQwen, kCl100k, kTiktokenCl100k, kO200k };

constexpr KnownPattern known_pattern(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return KnownPattern::kGpt2;
  if (pattern == kQwenPattern) return KnownPattern::kQwen;
  if (pattern == kCl100kPattern) return KnownPattern::kCl100k;
  if (pattern == kTiktokenCl100kPattern) return KnownPattern::kTiktokenCl100k;
  if (pattern == kO200kPattern) return KnownPattern::kO200k;
  return KnownPattern::kNone;
}

}  // namespace superpose::tokenizer
