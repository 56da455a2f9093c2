// Validation: next-token loss, bagging off, on fixed held-out windows. The same measure in every
// phase of a run, so one curve spans them all. Where a decoder resets attention or positions at
// document starts, it does so here too.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "corpus/corpus.h"
#include "distributed/collective.h"
#include "eval/evaluation_config.h"
#include "model/decoder.h"

namespace superpose::eval {

// Windows of L + 1 neighbouring tokens, cut with stride L from the documents of one half put
// together in their order, so that a token is predicted once at most. A window may span documents;
// end-of-document tokens are predicted like any other. Where there are more windows than wanted,
// those taken are spread evenly over the half.
struct HalfWindows {
  at::Tensor ids;              // [windows, L + 1] int64
  at::Tensor document_starts;  // [windows, L] int64, of each position that is read (DecoderInput)
  std::int64_t num_bytes = 0;  // of text in the predicted tokens; special tokens have none
  std::int64_t num_documents = 0;  // that the predicted tokens lie in

  std::int64_t num_windows() const { return ids.size(0); }
  std::int64_t num_predicted() const { return document_starts.numel(); }
};

struct ValidationSet {
  std::string name;
  std::string fingerprint;  // of its documents and their halves
  std::int64_t num_documents = 0;
  std::int64_t num_tokens = 0;       // of all documents
  std::int64_t sequence_length = 0;  // L
  bool bytes_known = false;          // the corpus says what text its ids stand for
  HalfWindows half_a, half_b;        // either may be empty, not both

  std::int64_t num_windows() const { return half_a.num_windows() + half_b.num_windows(); }
};

// Of the validation documents of `corpus`. Throws util::Error where they do not fill one window.
ValidationSet make_validation_set(const std::string& name, const corpus::PreparedCorpus& corpus,
                                  std::int64_t sequence_length, const EvaluationConfig& config);

struct ValidationResult {
  double loss = 0;  // nats per predicted token, over both halves
  std::optional<double> loss_half_a;
  std::optional<double> loss_half_b;
  double perplexity = 0;  // exp(loss)
  // All nats / ln 2 / bytes of text: of two models with different tokenizers it says which one
  // predicts the text better. Nothing where the bytes are not known.
  std::optional<double> bits_per_byte;
};

// Scores every window of a set; ranks share the work. Windows are batched by a rule that knows only
// their length, so the result has the same bits for any number of ranks and any micro-batch. Leaves
// the decoder's gradients alone.
ValidationResult validate(const model::Decoder& decoder, const ValidationSet& set,
                          at::Device device, distributed::Collective& collective);

}  // namespace superpose::eval
