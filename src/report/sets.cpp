#include "report/sets.h"

#include <algorithm>
#include <cmath>

namespace superpose::report {
namespace {

struct SeedScore {
  std::int64_t seed = 0;
  metrics::SetScore score;
};

std::vector<std::string> names_of_sets(const Analysis& analysis) {
  std::vector<std::string> names;
  for (const Run& run : analysis.runs) {
    for (const metrics::ValidationRecord& record : run.records.validations) {
      for (const metrics::SetScore& set : record.sets) {
        if (std::find(names.begin(), names.end(), set.name) == names.end()) {
          names.push_back(set.name);
        }
      }
    }
  }
  return names;
}

std::vector<SeedScore> last_scores(const Analysis& analysis, const std::string& arm,
                                   const std::string& set) {
  std::vector<SeedScore> scores;
  for (const Run* run : analysis.results(arm, 1)) {
    const metrics::SetScore* score = find_set(run->records.validations.back(), set);
    if (score != nullptr) scores.push_back({run->entry.seed, *score});
  }
  return scores;
}

// Of the seeds that both have.
std::vector<double> gains(const std::vector<SeedScore>& baseline,
                          const std::vector<SeedScore>& arm) {
  std::vector<double> gains;
  for (const SeedScore& mine : arm) {
    for (const SeedScore& base : baseline) {
      if (base.seed == mine.seed) gains.push_back(base.score.loss - mine.score.loss);
    }
  }
  return gains;
}

// Of every run; none as soon as one does not say.
class MeasuredRange {
 public:
  void add(const std::optional<metrics::ScoredText>& text) {
    all_known_ = all_known_ && text;
    if (!all_known_) return;
    if (!range_) range_ = Measured{*text, *text};
    range_->least.tokens = std::min(range_->least.tokens, text->tokens);
    range_->least.documents = std::min(range_->least.documents, text->documents);
    range_->most.tokens = std::max(range_->most.tokens, text->tokens);
    range_->most.documents = std::max(range_->most.documents, text->documents);
  }
  std::optional<Measured> get() const { return all_known_ ? range_ : std::nullopt; }

 private:
  bool all_known_ = true;
  std::optional<Measured> range_;
};

ArmScore mean_score(const std::string& arm, const std::vector<SeedScore>& scores) {
  const auto n = static_cast<double>(scores.size());
  ArmScore mean;
  mean.arm = arm;
  mean.seeds = std::ssize(scores);
  double bits = 0;
  bool has_bits = true;
  for (const SeedScore& one : scores) {
    mean.loss += one.score.loss / n;
    has_bits = has_bits && one.score.bits_per_byte;
    bits += one.score.bits_per_byte.value_or(0) / n;
  }
  mean.perplexity = std::exp(mean.loss);
  if (has_bits) mean.bits_per_byte = bits;
  return mean;
}

}  // namespace

std::vector<SetSummary> summarize_sets(const Analysis& analysis) {
  std::vector<SetSummary> sets;
  const std::string& baseline = analysis.experiment.baseline;
  for (const std::string& name : names_of_sets(analysis)) {
    SetSummary summary;
    summary.name = name;
    const std::vector<SeedScore> base = last_scores(analysis, baseline, name);
    MeasuredRange measured;
    for (const std::string& arm : analysis.experiment.arms) {
      const std::vector<SeedScore> scores = last_scores(analysis, arm, name);
      if (scores.empty()) continue;
      for (const SeedScore& one : scores) measured.add(one.score.scored);
      ArmScore& mine = summary.arms.emplace_back(mean_score(arm, scores));
      const std::vector<double> ahead = gains(base, scores);
      if (arm != baseline && !ahead.empty()) mine.gain = mean_interval(ahead);
    }
    summary.measured = measured.get();
    sets.push_back(std::move(summary));
  }
  return sets;
}

std::optional<Measured> quoted_text(const Analysis& analysis) {
  MeasuredRange measured;
  for (const std::string& arm : analysis.experiment.arms) {
    for (const Run* run : analysis.results(arm, 1)) {
      const metrics::ValidationRecord& last = run->records.validations.back();
      measured.add(analysis.quoted == QuotedLoss::kWhole ? last.scored : last.scored_half_b);
    }
  }
  return measured.get();
}

const metrics::SetScore* find_set(const metrics::ValidationRecord& record,
                                  const std::string& name) {
  const auto found = std::find_if(record.sets.begin(), record.sets.end(),
                                  [&](const metrics::SetScore& set) { return set.name == name; });
  return found == record.sets.end() ? nullptr : &*found;
}

}  // namespace superpose::report
