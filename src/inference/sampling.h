// The next token, out of a model's logits.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace superpose::inference {

// How a token is chosen; the processors of transformers, in its order and with its definitions.
struct SamplingConfig {
  // Logits of tokens that the text holds already are divided by it where positive, multiplied where
  // negative; 1: no penalty.
  double repetition_penalty = 1;
  // Logits are divided by it. 0: the most likely token, the lowest id of equals, and nothing below
  // is looked at.
  double temperature = 0;
  std::int64_t top_k = 0;  // the k most likely, and those as likely as the last; 0: all
  double top_p = 1;        // the fewest of the most likely whose probabilities sum to this or more
  double min_p = 0;        // those at least this times as likely as the most likely
  std::uint64_t seed = 0;

  // Throws util::Error, with `prefix` before the name, for a value that is out of its range:
  // repetition-penalty and temperature finite, > 0 and >= 0; top-k >= 0; top-p in (0, 1]; min-p in
  // [0, 1]; for top-k, top-p or min-p with temperature 0.
  void validate(std::string_view prefix) const;
};

struct Candidate {
  std::int32_t id = 0;
  double probability = 0;
};

// What a token is drawn from, by ascending id: probabilities > 0 that sum to 1, all in f64.
//
//   logits  [V]  finite, or util::Error
//   seen    distinct ids below V, of the prompt and what was generated
std::vector<Candidate> distribution(std::span<const float> logits,
                                    std::span<const std::int32_t> seen,
                                    const SamplingConfig& config);

// The candidate in whose range `uniform`, in [0, 1), falls, by ascending id.
std::int32_t draw(std::span<const Candidate> candidates, double uniform);

// Chooses the tokens of one text, one after another. The random number of the n-th is a function of
// (seed, `stream`, n) alone: a text is the same whatever is generated next to it.
class Sampler {
 public:
  Sampler(const SamplingConfig& config, std::span<const std::int32_t> prompt, std::uint64_t stream);

  // The token after `logits` [V]. Throws util::Error where one of them is not finite.
  std::int32_t next(std::span<const float> logits);

 private:
  void remember(std::int32_t id);

  SamplingConfig config_;
  std::uint64_t key_;
  std::uint64_t count_ = 0;         // tokens chosen
  std::vector<std::int32_t> seen_;  // distinct
  std::vector<bool> is_seen_;       // by id
};

}  // namespace superpose::inference
