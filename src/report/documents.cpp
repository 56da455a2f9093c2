#include "report/documents.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "report/statistics.h"

namespace superpose::report {
namespace {

constexpr std::uint32_t kSeed = 1;

// Linear between neighbours of `sorted`.
double quantile_of(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const double above = sorted[std::min(below + 1, sorted.size() - 1)];
  return sorted[below] + (at - std::floor(at)) * (above - sorted[below]);
}

const metrics::FinalScore& primary(const Run& run) {
  return run.records.final_scores->sets.front();
}

// The runs of the outcome's seeds: baseline's, then the arm's.
std::vector<const Run*> runs_of(const Analysis& analysis, const std::string& arm,
                                const GainOutcome& outcome) {
  std::vector<const Run*> found;
  for (const std::string& name : {analysis.experiment.baseline, arm}) {
    for (const Run* run : analysis.results(name, 1)) {
      const bool is_paired =
          std::any_of(outcome.seeds.begin(), outcome.seeds.end(),
                      [&](const SeedGain& seed) { return seed.seed == run->entry.seed; });
      if (is_paired) found.push_back(run);
    }
  }
  return found;
}

// "" where the documents' losses can be set against each other.
std::string why_no_documents(const Analysis& analysis, const GainOutcome& outcome,
                             const std::vector<const Run*>& runs) {
  if (analysis.quoted != QuotedLoss::kWhole) {
    return "the records do not say which documents are in the half that is quoted";
  }
  if (outcome.mean.match == Match::kInterpolated) return "the loss is interpolated between budgets";
  for (const Run* run : runs) {
    if (!run->quotes_final_scores || primary(*run).document_tokens.empty()) {
      return "not all records hold the documents' losses";
    }
    const metrics::FinalScore& score = primary(*run);
    if (score.document_tokens != primary(*runs.front()).document_tokens ||
        score.document_nats.size() != score.document_tokens.size()) {
      return "the runs were not scored on the same tokens of the same documents";
    }
  }
  return "";
}

std::vector<DocumentPair> pair_documents(const Analysis& analysis,
                                         const std::vector<const Run*>& runs) {
  const std::vector<std::int64_t>& tokens = primary(*runs.front()).document_tokens;
  const auto seeds = static_cast<double>(runs.size()) / 2;
  std::vector<DocumentPair> documents;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] <= 0) continue;
    DocumentPair& document = documents.emplace_back();
    document.tokens = static_cast<double>(tokens[i]);
    for (const Run* run : runs) {
      const double sign = run->entry.arm == analysis.experiment.baseline ? 1 : -1;
      document.gain += sign * primary(*run).document_nats[i] / seeds;
    }
  }
  return documents;
}

}  // namespace

PercentileInterval bootstrap_documents(const std::vector<DocumentPair>& documents) {
  std::mt19937 random(kSeed);
  const std::uint64_t n = documents.size();
  std::vector<double> ratios;
  for (int sample = 0; sample < kResamples; ++sample) {
    DocumentPair sum;
    for (std::uint64_t i = 0; i < n; ++i) {
      const DocumentPair& drawn = documents[(std::uint64_t{random()} * n) >> 32U];
      sum.gain += drawn.gain;
      sum.tokens += drawn.tokens;
    }
    ratios.push_back(sum.gain / sum.tokens);
  }
  std::sort(ratios.begin(), ratios.end());
  return {quantile_of(ratios, (1 - kConfidence) / 2), quantile_of(ratios, (1 + kConfidence) / 2)};
}

DocumentError document_error(const Analysis& analysis, const std::string& arm,
                             const GainOutcome& outcome) {
  DocumentError error;
  if (!outcome.available) {
    error.why_not = outcome.why_not;
    return error;
  }
  const std::vector<const Run*> runs = runs_of(analysis, arm, outcome);
  error.why_not = why_no_documents(analysis, outcome, runs);
  if (!error.why_not.empty()) return error;
  const std::vector<DocumentPair> documents = pair_documents(analysis, runs);
  error.count = std::ssize(documents);
  if (error.count < kFewestDocuments) {
    error.why_not = "needs at least " + std::to_string(kFewestDocuments) +
                    " documents, there are " + std::to_string(error.count);
    return error;
  }
  const PercentileInterval interval = bootstrap_documents(documents);
  error.low = interval.low;
  error.high = interval.high;
  return error;
}

}  // namespace superpose::report
