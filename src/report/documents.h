// The error that the choice of held-out documents leaves in a gain: a bootstrap over documents.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

// One document's part of two losses.
struct DocumentPair {
  double gain = 0;    // nats: baseline's sum - arm's
  double tokens = 0;  // > 0: that both are sums over
};

// 95 % percentile interval of sum(gain) / sum(tokens) over `kResamples` draws of as many documents
// with replacement; the same values always give the same interval. At least one document.
inline constexpr int kResamples = 10'000;
struct PercentileInterval {
  double low = 0;
  double high = 0;
};
PercentileInterval bootstrap_documents(const std::vector<DocumentPair>& documents);

// With fewer documents an interval over them is not quoted.
inline constexpr std::int64_t kFewestDocuments = 30;

// The document error of a gain at budget 1, of the documents that the quoted losses are over; with
// several seeds a document's nats are averaged over them first.
DocumentError document_error(const Analysis& analysis, const std::string& arm,
                             const GainOutcome& outcome);

}  // namespace superpose::report
