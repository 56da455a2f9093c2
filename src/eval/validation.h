// Validation: next-token loss, bagging off, on fixed held-out windows. The same measure in every
// phase of a run, so one curve spans them all.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "data/corpus.h"
#include "distributed/collective.h"
#include "eval/validation_config.h"
#include "model/decoder.h"

namespace superpose::eval {

// Windows of L + 1 neighbouring tokens, cut with stride L from the documents of one half put
// together in their order, so that a token is predicted once at most. A window may span documents;
// end-of-document tokens are predicted like any other. Where there are more windows than wanted,
// those taken are spread evenly over the half.
struct HalfWindows {
  at::Tensor ids;              // [windows, L + 1] int64
  std::int64_t num_bytes = 0;  // of text among the predicted tokens; end-of-document has none

  std::int64_t num_windows() const { return ids.size(0); }
};

struct ValidationWindows {
  std::int64_t sequence_length = 0;  // L
  HalfWindows half_a, half_b;        // either may be empty, not both
};

// Throws util::Error where the held-out documents do not fill one window.
ValidationWindows make_validation_windows(const data::PreparedCorpus& corpus,
                                          std::int64_t sequence_length,
                                          const ValidationConfig& config);

struct ValidationResult {
  double loss = 0;  // nats per predicted token, over both halves
  std::optional<double> loss_half_a;
  std::optional<double> loss_half_b;
  double perplexity = 0;     // exp(loss)
  double bits_per_byte = 0;  // all nats / ln 2 / bytes of text
};

// Scores every window; ranks share the work. Windows are batched by a rule that knows only their
// length, so the result has the same bits for any number of ranks and any micro-batch. Leaves the
// decoder's gradients alone.
ValidationResult validate(const model::Decoder& decoder, const ValidationWindows& windows,
                          at::Device device, distributed::Collective& collective);

}  // namespace superpose::eval
