// The layouts of token files by name.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace superpose::corpus {

// Layouts of files that hold token ids (docs/formats/corpora.md).
enum class TokenFormat {
  kAuto,      // by the file: an .idx next to it, or how it begins
  kMegatron,  // .bin with .idx
  kLlmC,      // llm.c, modded-nanogpt: 1024 bytes of header, then u16 or u32
  kNumpy,     // what numpy.save writes: one dimension of whole numbers
  kRawU8,     // numbers and nothing else: nanoGPT's .bin (u16), OLMo-core's .npy
  kRawU16,
  kRawU32,
  kRawU64
};
inline constexpr std::array<std::string_view, 8> kTokenFormatNames{
    "auto", "megatron", "llm.c", "npy", "raw-u8", "raw-u16", "raw-u32", "raw-u64"};

// None where there is no such name.
std::optional<TokenFormat> token_format_of(std::string_view name);
// "auto, megatron, ...": for messages.
std::string token_format_list();

}  // namespace superpose::corpus
