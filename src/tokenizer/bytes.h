// Bytes as tokens: id i < 256 is the byte i, id 256 ends a document. Nothing to train, any input
// can be encoded, and a token is a byte, so bits per byte are read off the loss directly.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace superpose::tokenizer {

inline constexpr std::int32_t kEndOfDocument = 256;
inline constexpr std::int64_t kByteVocabulary = 257;
// Rows of the embedding: the vocabulary rounded up to a multiple of 64. Ids 257..319 never occur.
inline constexpr std::int64_t kPaddedByteVocabulary = 320;
inline constexpr std::string_view kEndOfDocumentText = "<|endoftext|>";

// The printable character that stands for each byte in the `tokenizers` library's byte-level
// scheme (GPT-2's): bytes that are printable in Latin-1 stand for themselves, the n-th other byte
// for code point 256 + n. UTF-8.
std::array<std::string, 256> byte_level_alphabet();

// Appends the bytes that a token's characters stand for; false, and nothing appended, where one of
// them is not of that alphabet.
bool append_bytes_of(std::string_view token, std::string& bytes);

// tokenizer.json of Hugging Face `tokenizers`: byte-level, no merges, id i is byte i, and
// "<|endoftext|>" as a special token with id 256. The library finds special tokens inside text:
// there "<|endoftext|>" becomes the one id 256, not 13 bytes.
std::string byte_tokenizer_json();

// tokenizer_config.json to go with it: PreTrainedTokenizerFast, end-of-sequence token
// "<|endoftext|>", no clean-up of spaces.
std::string byte_tokenizer_config_json();

}  // namespace superpose::tokenizer
