// Does the model copy from its context? Sequences of random ids, each written twice: what the
// second copy costs less than the first is what was learnt from the first alone ("induction",
// Olsson et al. 2022, arXiv 2209.11895).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "corpus/corpus.h"
#include "distributed/collective.h"
#include "model/decoder.h"

namespace superpose::eval {

inline constexpr std::int64_t kProbeSequences = 64;
inline constexpr std::int64_t kShortestProbe = 4;  // positions

// [64, L] int64: floor(L / 2) ids drawn with the frequencies of the held-out tokens, twice (and
// once more the first id where L is odd). The same ids for every run on the same held-out text.
at::Tensor copying_sequences(const corpus::PreparedCorpus& corpus, std::int64_t sequence_length);

struct CopyingScore {
  double first = 0;   // nats per token of the first copy, without its first token
  double second = 0;  // of the same tokens in the second copy

  // Negative where the model copies; 0 where it does not.
  double copying() const { return second - first; }
};

// Sequences must be of copying_sequences with L >= kShortestProbe. Ranks share the work.
CopyingScore score_copying(const model::Decoder& decoder, const at::Tensor& sequences,
                           distributed::Collective& collective);

}  // namespace superpose::eval
