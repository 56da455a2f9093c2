// A decoder that scores given continuations.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "distributed/collective.h"
#include "model/decoder.h"
#include "tasks/score_requests.h"

namespace superpose::eval {

struct ScorerOptions {
  std::int64_t max_positions = 0;  // read at once; 0: as many as the decoder can
  // Ranks that share the work. Every rank asks for the same scores and gets all of them, with the
  // same bits for any number of ranks.
  distributed::Collective* collective = nullptr;
};

// Requests are batched by length, padded behind; those that read the same ids share a row, as the
// single letters of a multiple choice do. Logits exist for the scored positions alone. Sums are
// in f64.
class DecoderScorer final : public tasks::Scorer {
 public:
  // `decoder` and the collective must outlive the scorer.
  explicit DecoderScorer(const model::Decoder& decoder, const ScorerOptions& options = {})
      : decoder_(decoder), options_(options) {}

  std::int64_t max_positions() const override {
    return options_.max_positions > 0 ? options_.max_positions : decoder_.config().max_positions;
  }

  // Throws util::Error for an id that the decoder's vocabulary lacks. Progress counts positions of
  // this rank.
  std::vector<tasks::Score> score(std::span<const tasks::ScoreRequest> requests,
                                  const tasks::ScoreProgress& progress) const override;

 private:
  const model::Decoder& decoder_;
  ScorerOptions options_;
};

// Positions that the decoder computes for such requests, padding included.
std::int64_t count_positions(std::span<const tasks::ScoreRequest> requests);

}  // namespace superpose::eval
