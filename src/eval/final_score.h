// The held-out loss when a run is done, taken apart: by document, for the error that the choice of
// text leaves, and by position in the window, for what the model makes of its context. On many more
// windows than are scored during the run.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "distributed/collective.h"
#include "eval/evaluation_config.h"
#include "model/decoder.h"

namespace superpose::eval {

// Windows of L + 1 neighbouring tokens of one document, cut with stride L from its first token on;
// its last window may be shorter. So a position in the window is a number of tokens of context, and
// each token of a document but the first is predicted once at most. Where there are more windows
// than wanted, those taken are spread evenly over each document.
struct FinalWindows {
  std::string name;                     // of the validation set
  at::Tensor ids;                       // [W, L + 1] int64; what a short window lacks is 0
  std::vector<std::int64_t> lengths;    // [W] predicted tokens, 1 to L
  std::vector<std::int64_t> documents;  // [W] index of the document, ascending
  std::vector<corpus::Half> halves;     // of each document of the set
  std::int64_t num_bytes = 0;           // of text in the predicted tokens
  bool bytes_known = false;

  std::int64_t num_windows() const { return static_cast<std::int64_t>(lengths.size()); }
};

FinalWindows cut_final_windows(const std::string& name, const corpus::PreparedCorpus& corpus,
                               std::int64_t sequence_length, std::int64_t wanted);

// Loss over the positions [first, end) of the windows.
struct PositionLoss {
  std::int64_t first = 0;
  std::int64_t end = 0;
  double loss = 0;
};

// A document's part of the loss. Documents without a scored window have none.
struct DocumentLoss {
  double nats = 0;
  std::int64_t tokens = 0;
};

struct FinalScore {
  double loss = 0;  // nats per predicted token
  std::optional<double> loss_half_a;
  std::optional<double> loss_half_b;
  std::optional<double> bits_per_byte;
  std::optional<double> capped_loss;      // with document_cap
  std::int64_t tokens = 0;                // predicted
  std::vector<PositionLoss> by_position;  // octaves: 0, 1, 2-3, 4-7, ...
  std::vector<DocumentLoss> by_document;  // in the order of the set
};

// Ranks share the work; the result has the same bits for any number of them. `document_cap` as in
// EvaluationConfig. Needs one window at least.
FinalScore score_final(const model::Decoder& decoder, const FinalWindows& windows,
                       double document_cap, distributed::Collective& collective);

// Mean of the documents' losses in which each weighs as many tokens as it has, up to the share
// `cap` of all weights. Where cap x documents < 1 all weigh the same.
double capped_loss(const std::vector<DocumentLoss>& documents, double cap);

}  // namespace superpose::eval
