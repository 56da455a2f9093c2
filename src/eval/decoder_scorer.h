// A decoder that scores given continuations.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/decoder.h"
#include "tasks/score_requests.h"

namespace superpose::eval {

// Requests are batched by length, padded behind; those that read the same ids share a row, as the
// single letters of a multiple choice do. Logits exist for the scored positions alone. Sums are
// in f64.
class DecoderScorer final : public tasks::Scorer {
 public:
  // `decoder` must outlive the scorer.
  explicit DecoderScorer(const model::Decoder& decoder) : decoder_(decoder) {}

  std::int64_t max_positions() const override { return decoder_.config().max_positions; }

  // Throws util::Error for an id that the decoder's vocabulary lacks. Progress counts positions.
  std::vector<tasks::Score> score(std::span<const tasks::ScoreRequest> requests,
                                  const tasks::ScoreProgress& progress) const override;

 private:
  const model::Decoder& decoder_;
};

}  // namespace superpose::eval
