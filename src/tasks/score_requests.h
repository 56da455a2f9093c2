// What a model is asked: ids in front, ids to score. With lm-eval's rules for white space, empty
// contexts and contexts that are too long, so that its numbers come out.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace superpose::tasks {

// Ids whose log-likelihood is asked for, and those before them. Neither is empty.
struct ScoreRequest {
  std::vector<std::int32_t> context;
  std::vector<std::int32_t> continuation;

  bool operator==(const ScoreRequest&) const = default;
};

struct Score {
  double log_likelihood = 0;  // nats, of all ids of the continuation together
  bool is_greedy = false;     // each of them is the likeliest one
};

// Called now and then with what is done and what there is, in any unit.
using ScoreProgress = std::function<void(std::int64_t done, std::int64_t all)>;

// A model, as far as it scores.
class Scorer {
 public:
  virtual ~Scorer() = default;

  // The most ids that are read at once: context and continuation have one more at most.
  virtual std::int64_t max_positions() const = 0;

  // A score per request, in their order.
  virtual std::vector<Score> score(std::span<const ScoreRequest> requests,
                                   const ScoreProgress& progress) const = 0;
};

// Cuts the context from the left so that context and continuation have max_positions + 1 ids at
// most. Returns how many ids went. Throws util::Error where the continuation alone is too long.
std::int64_t fit(ScoreRequest& request, std::int64_t max_positions);

// The token that stands for an empty context: the bos_token of a tokenizer_config.json, else its
// eos_token, else `end_of_document`.
std::int32_t prefix_token(const tokenizer::Tokenizer& tokenizer, const std::string& config_json,
                          std::int32_t end_of_document);

// From texts to requests.
class RequestEncoder {
 public:
  // `prefix` stands for an empty context, and begins whole texts.
  RequestEncoder(const tokenizer::Tokenizer& tokenizer, std::int32_t prefix);

  // White space at the end of the context moves to the continuation; both are encoded together and
  // cut where the context alone ends. Throws util::Error, without a place, for a context of white
  // space only and where no id is left to score.
  ScoreRequest encode_pair(std::string_view context, std::string_view continuation);

  // Ids of a whole text, by the rule of encode_pair for ids that the tokenizer puts in front.
  std::vector<std::int32_t> encode_text(std::string_view text);

  std::int32_t prefix() const { return prefix_; }

 private:
  std::vector<std::int32_t> encode_plain(std::string_view text);

  tokenizer::Encoder encoder_;
  const tokenizer::Framing& framing_;
  std::int32_t prefix_;
  std::string prefix_text_;
};

// Requests that together score each id of a text once: windows of max_positions ids, the first
// behind `prefix`, each later one behind the id before it; the last one reads as much in front as
// fills a window.
std::vector<ScoreRequest> rolling_requests(std::span<const std::int32_t> ids, std::int32_t prefix,
                                           std::int64_t max_positions);

}  // namespace superpose::tasks
