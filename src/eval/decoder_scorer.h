// A decoder that scores given continuations.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "distributed/collective.h"
#include "model/decoder.h"
#include "tasks/score_requests.h"

namespace superpose::eval {

// Requests are batched by length, padded behind. Those that read the same ids share a row, as the
// single letters of a multiple choice do; what several rows begin with is read once, where the
// decoder computes in f32 on a CPU. Logits exist for the scored positions alone. Sums are in f64.
//
// In f32 on a CPU a score has the same bits for any number of threads (ops/row_by_row.h).
class DecoderScorer final : public tasks::Scorer {
 public:
  // `decoder` and `collective` must outlive the scorer. With a collective its ranks share the work:
  // every rank asks for the same scores and gets all of them, with the same bits for any number of
  // ranks.
  explicit DecoderScorer(const model::Decoder& decoder,
                         distributed::Collective* collective = nullptr)
      : decoder_(decoder), collective_(collective) {}

  std::int64_t max_positions() const override { return decoder_.config().max_positions; }

  // Throws util::Error for an id that the decoder's vocabulary lacks. Progress counts positions of
  // this rank.
  std::vector<tasks::Score> score(std::span<const tasks::ScoreRequest> requests,
                                  const tasks::ScoreProgress& progress) const override;

 private:
  const model::Decoder& decoder_;
  distributed::Collective* collective_;
};

// Positions that a decoder computes for such requests, padding included. `shares_prefixes`: in f32
// on a CPU.
std::int64_t count_positions(std::span<const tasks::ScoreRequest> requests,
                             std::int64_t max_positions, bool shares_prefixes);

}  // namespace superpose::eval
