#include "inference/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>

#include "util/error.h"
#include "util/random.h"

namespace superpose::inference {
namespace {

using Candidates = std::vector<Candidate>;

// Scores become probabilities.
void normalize(Candidates& candidates) {
  double most = candidates.front().probability;
  for (const Candidate& one : candidates) most = std::max(most, one.probability);
  double sum = 0;
  for (Candidate& one : candidates) sum += one.probability = std::exp(one.probability - most);
  for (Candidate& one : candidates) one.probability /= sum;
}

void rescale(Candidates& candidates) {
  double sum = 0;
  for (const Candidate& one : candidates) sum += one.probability;
  for (Candidate& one : candidates) one.probability /= sum;
}

void keep_top_k(Candidates& scores, std::int64_t k) {
  if (k == 0 || k >= static_cast<std::int64_t>(scores.size())) return;
  std::vector<double> sorted;
  for (const Candidate& one : scores) sorted.push_back(one.probability);
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
  std::erase_if(scores, [least = *last](const Candidate& one) { return one.probability < least; });
}

// Drops the least likely while all dropped together have a probability of at most 1 - p.
void keep_top_p(Candidates& candidates, double p) {
  if (p == 1) return;
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const Candidate& a, const Candidate& b) { return a.probability < b.probability; });
  double sum = 0;
  std::size_t dropped = 0;
  while (dropped + 1 < candidates.size() && (sum += candidates[dropped].probability) <= 1 - p) {
    ++dropped;
  }
  candidates.erase(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(dropped));
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
}

void keep_min_p(Candidates& candidates, double min_p) {
  double most = 0;
  for (const Candidate& one : candidates) most = std::max(most, one.probability);
  std::erase_if(candidates, [least = min_p * most](const Candidate& one) {
    return one.probability < least || one.probability == 0;
  });
}

Candidates penalized(std::span<const float> logits, std::span<const std::int32_t> seen,
                     double penalty) {
  Candidates scores(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    util::require(std::isfinite(logits[i]), "logits: must be finite, got ", logits[i],
                  " for token ", i);
    scores[i] = {static_cast<std::int32_t>(i), static_cast<double>(logits[i])};
  }
  if (penalty == 1) return scores;
  for (const std::int32_t id : seen) {
    double& score = scores[static_cast<std::size_t>(id)].probability;
    score = score > 0 ? score / penalty : score * penalty;
  }
  return scores;
}

}  // namespace

void SamplingConfig::validate(std::string_view prefix) const {
  const auto check = [&](bool ok, const char* name, const char* rule, auto value) {
    util::require(ok, prefix, name, ": must be ", rule, ", got ", value);
  };
  check(std::isfinite(temperature) && temperature >= 0, "temperature", "a number >= 0",
        temperature);
  check(std::isfinite(repetition_penalty) && repetition_penalty > 0, "repetition-penalty",
        "a number > 0", repetition_penalty);
  check(top_k >= 0, "top-k", ">= 0", top_k);
  check(top_p > 0 && top_p <= 1, "top-p", "above 0 and at most 1", top_p);
  check(min_p >= 0 && min_p <= 1, "min-p", "in [0, 1]", min_p);
  if (temperature > 0) return;
  for (const auto& [is_set, name] : {std::pair(top_k > 0, "top-k"), std::pair(top_p < 1, "top-p"),
                                     std::pair(min_p > 0, "min-p")}) {
    util::require(!is_set, prefix, name, ": needs a temperature above 0, got 0 (greedy)");
  }
}

Candidates distribution(std::span<const float> logits, std::span<const std::int32_t> seen,
                        const SamplingConfig& config) {
  util::require(!logits.empty(), "logits: must not be empty");
  Candidates candidates = penalized(logits, seen, config.repetition_penalty);
  if (config.temperature == 0) {
    const auto best = std::max_element(
        candidates.begin(), candidates.end(),
        [](const Candidate& a, const Candidate& b) { return a.probability < b.probability; });
    return {{best->id, 1}};
  }
  for (Candidate& one : candidates) one.probability /= config.temperature;
  keep_top_k(candidates, config.top_k);
  normalize(candidates);
  keep_top_p(candidates, config.top_p);
  keep_min_p(candidates, config.min_p);
  rescale(candidates);
  return candidates;
}

std::int32_t draw(std::span<const Candidate> candidates, double uniform) {
  double sum = 0;
  for (const Candidate& one : candidates) {
    sum += one.probability;
    if (uniform < sum) return one.id;
  }
  return candidates.back().id;  // what rounding left of 1
}

Sampler::Sampler(const SamplingConfig& config, std::span<const std::int32_t> prompt,
                 std::uint64_t stream)
    : config_(config), key_(util::stream_key(config.seed, "generate", std::to_string(stream))) {
  for (const std::int32_t id : prompt) remember(id);
}

std::int32_t Sampler::next(std::span<const float> logits) {
  const Candidates candidates = distribution(logits, seen_, config_);
  const std::int32_t id = draw(candidates, util::uniform01(key_, count_++));
  remember(id);
  return id;
}

void Sampler::remember(std::int32_t id) {
  const auto index = static_cast<std::size_t>(id);
  if (index >= is_seen_.size()) is_seen_.resize(index + 1);
  if (is_seen_[index]) return;
  is_seen_[index] = true;
  seen_.push_back(id);
}

}  // namespace superpose::inference
