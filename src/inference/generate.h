// Texts continued by a decoder, several at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/sampling.h"
#include "model/decoder.h"

namespace superpose::inference {

// Why a text ended: with a token that ends texts; at max_tokens; where the caller said so; where
// the model's context was full.
enum class StopReason { kEnd, kLength, kStop, kContext };
inline constexpr std::array<std::string_view, 4> kStopReasonNames = {"end", "length", "stop",
                                                                     "context"};

struct GenerationConfig {
  SamplingConfig sampling = {};
  std::int64_t max_tokens = 128;        // of each text, beyond its prompt; >= 1
  std::vector<std::int32_t> ends = {};  // tokens that end a text
  std::int64_t batch = 8;               // texts that are continued at a time, >= 1
  std::int64_t max_positions = 0;       // of a text with its prompt; 0: the decoder's
};

struct Generated {
  std::vector<std::int32_t> ids;  // without a token that ended the text
  StopReason reason = StopReason::kEnd;
};

// What was computed, and how long it took, in s. The first token of a text follows from its prompt.
struct GenerationStats {
  std::int64_t prompt_tokens = 0, tokens = 0;  // tokens: after the first of each text
  double prompt_seconds = 0, seconds = 0;
};

struct GenerationCalls {
  // Each token of a prompt's text as it comes; false ends that text (kStop).
  std::function<bool(std::size_t prompt, std::int32_t id)> token;
  // A text that has ended; in the order in which they end.
  std::function<void(std::size_t prompt, Generated text)> done;
  // What errors call a prompt; without it "prompt 1" is the first.
  std::function<std::string(std::size_t prompt)> name = {};
};

// Continues `prompts`, ids below the decoder's vocabulary, each from 1 to max_positions of them.
// The decoder may be on any device.
// With an f32 decoder on a CPU a prompt's text depends on the prompt, its index and the
// configuration alone: not on the other prompts, the size of the batch or the number of threads
// (Decoder::extend). Throws util::Error that names the prompt, before anything is computed, for one
// that is empty or too long or holds another id, and where logits are not finite.
GenerationStats generate(const model::Decoder& decoder,
                         std::span<const std::vector<std::int32_t>> prompts,
                         const GenerationConfig& config, const GenerationCalls& calls);

}  // namespace superpose::inference
