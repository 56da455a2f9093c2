// No sentence of a report contradicts a number on it: over random experiments, what is said is read
// back out of the text and held against the runs that were made up, by arithmetic of its own.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "random_experiments.h"
#include "report/export.h"
#include "report/page/page.h"
#include "report/report.h"
#include "report/words/words.h"
#include "support/temp_dir.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::report {
namespace {

constexpr std::uint32_t kExperiments = 150;
constexpr double kLastDigit = 1.01e-4;  // two rounded losses against their rounded difference

// Every match, whole and by group; a group that took no part is "".
bool says(const std::string& text, const std::string& pattern) {
  return std::regex_search(text, std::regex(pattern));
}

std::vector<std::vector<std::string>> matches(const std::string& text, const std::string& pattern) {
  std::vector<std::vector<std::string>> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), regex); at != std::sregex_iterator();
       ++at) {
    found.emplace_back(at->begin(), at->end());
  }
  return found;
}

// What stands between each pair of marks.
std::vector<std::string> between(const std::string& text, const std::string& begin,
                                 const std::string& end) {
  std::vector<std::string> found;
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    found.push_back(text.substr(at, text.find(end, at) - at));
  }
  return found;
}

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

// "0.0420 ahead" as +0.042, "level" as 0.
const std::string kGain = "(level|\\d+\\.\\d{4} ahead|\\d+\\.\\d{4} behind)";
double signed_gain(const std::string& text) {
  if (text == "level") return 0;
  return (text.ends_with("behind") ? -1 : 1) * std::stod(text);
}

// "0.0310 to 0.0530 ahead", "0.0100 behind to level", "level": ends from low to high.
const std::string kRange = "((?:\\d+\\.\\d{4}(?: behind)?|level) to )?" + kGain;
std::pair<double, double> range_of(const std::string& low, const std::string& high) {
  const double end = signed_gain(high);
  if (low.empty()) return {end, end};
  std::string begin = low.substr(0, low.size() - std::string(" to ").size());
  const bool names_its_side = begin == "level" || begin.ends_with("behind");
  if (!names_its_side) begin += end < 0 ? " behind" : " ahead";
  const double other = signed_gain(begin);
  return {std::min(other, end), std::max(other, end)};
}

std::int64_t whole(std::string digits) {
  std::erase(digits, ',');
  return std::stoll(digits);
}

struct PairedSeed {
  const test::MadeRun* baseline;
  const test::MadeRun* arm;
};

// One experiment, and what the report says of it.
class Said {
 public:
  explicit Said(std::uint32_t seed) : seed_(seed) {
    const test::TempDir folder;
    made_ = test::make_random_experiment(folder.path(), seed);
    analysis_ = analyze(made_.experiment);
    words_ = put_in_words(analysis_);
    text_ = in_words(analysis_);
    page_ = html_page(analysis_, "");
    page_.resize(page_.find("<script>"));
  }
  std::uint32_t seed() const { return seed_; }

  void intervals_hold_their_point_and_seeds_are_counted() const;
  void gains_are_those_of_the_runs() const;
  void headline_is_of_the_best_arm_and_claims_what_its_interval_does() const;
  void json_verdicts_are_those_of_the_words() const;
  void schedules_name_every_phase_of_the_runs() const;
  void curves_lie_where_the_caption_says() const;
  void crossings_are_those_of_the_curves() const;
  void speed_ups_say_more_or_less_as_their_factor_does() const;
  void text_that_losses_were_measured_on_is_named() const;
  void rates_that_ran_are_told_apart_from_the_best() const;
  void raw_text_is_told_as_it_was_read() const;
  void errors_over_documents_hold_the_gain() const;
  void spreads_are_those_of_the_runs() const;
  void use_of_context_is_that_of_the_records() const;
  void arms_are_ranked_by_gain() const;
  void the_whole_page_is_in_order() const;

 private:
  std::vector<PairedSeed> pairs(const std::string& arm) const {
    std::vector<PairedSeed> found;
    for (std::int64_t seed = 0; seed < 10; ++seed) {
      const test::MadeRun* a = made_.find("baseline", seed);
      const test::MadeRun* b = made_.find(arm, seed);
      if (a != nullptr && b != nullptr) found.push_back({a, b});
    }
    return found;
  }
  static bool same_flops(const PairedSeed& pair) {
    return pair.baseline->header.flops_per_position == pair.arm->header.flops_per_position;
  }
  bool at_equal_flops(const std::string& arm) const {
    const auto all = pairs(arm);
    return !all.empty() && std::all_of(all.begin(), all.end(), same_flops);
  }
  double gap(const PairedSeed& pair, std::size_t point) const {
    const bool half_b = made_.quotes_half_b();
    return pair.baseline->quoted(point, half_b) - pair.arm->quoted(point, half_b);
  }
  double mean_gain(const std::string& arm) const {
    double sum = 0;
    const auto all = pairs(arm);
    for (const PairedSeed& pair : all) sum += gap(pair, pair.arm->validations.size() - 1);
    return sum / static_cast<double>(all.size());
  }
  // Half the width of the prediction interval, of noise figures over 6 seeds.
  double noise_reach(const std::string& arm, std::size_t seeds) const {
    const double t = 2.570582;  // 0.975 quantile, 5 degrees of freedom
    for (const NoiseFigure& figure : made_.experiment.noise) {
      if (figure.arm != arm) continue;
      return t * figure.spread * std::sqrt(1 / static_cast<double>(seeds) + 1.0 / 6);
    }
    return 0;
  }
  bool all_have_final_scores() const {
    return std::all_of(made_.runs.begin(), made_.runs.end(), [](const test::MadeRun& run) {
      return !run.finished || run.final_scores.has_value();
    });
  }
  std::vector<std::string> other_arms() const {
    const auto& arms = made_.experiment.arms;
    return {arms.begin() + 1, arms.end()};
  }
  util::Json json_of(const std::string& arm) const {
    const util::Json json = util::parse_json(report_json(analysis_), "report.json");
    for (const util::Json& comparison : json["comparisons"]) {
      if (comparison["arm"] == arm) return comparison;
    }
    return {};
  }
  // The sentence that opens with these words; "" where there is none.
  std::string sentence(const std::string& opening) const {
    for (const auto* list : {&words_.opening, &words_.sentences}) {
      for (const std::string& one : *list) {
        if (one.starts_with(opening)) return one;
      }
    }
    return "";
  }

  std::uint32_t seed_;
  test::MadeExperiment made_;
  Analysis analysis_;
  Words words_;
  std::string text_;
  std::string page_;
};

void Said::intervals_hold_their_point_and_seeds_are_counted() const {
  for (const std::string* text : {&text_, &page_}) {
    // "0.0420 ahead (95 % interval ...", "0.0420 ahead<small>95 % interval ...", in a tile, in
    // words.
    for (const auto& match :
         matches(*text,
                 kGain + "[^<>()]*(?: \\(|</strong><small>|<small>)95 % (prediction )?interval " +
                     kRange + ", (\\d+) seed")) {
      const double point = signed_gain(match[1]);
      const auto [low, high] = range_of(match[3], match[4]);
      EXPECT_LE(low, point) << match[0];
      EXPECT_GE(high, point) << match[0];
      EXPECT_EQ(whole(match[5]) < 3, !match[2].empty()) << match[0];
    }
    for (const auto& match :
         matches(*text,
                 "([\\d.]+)x[^<>()]*(?: \\(|</strong><small>[^<>]*|<small>)95 % interval "
                 "([\\d.]+)x to ([\\d.]+)x")) {
      EXPECT_LE(std::stod(match[2]), std::stod(match[1])) << match[0];
      EXPECT_GE(std::stod(match[3]), std::stod(match[1])) << match[0];
    }
  }
  for (const auto& match : matches(text_ + page_, "(\\d+) seeds?, no interval")) {
    EXPECT_LT(whole(match[1]), 3) << match[0];
  }
}

void Said::gains_are_those_of_the_runs() const {
  for (const std::string& arm : other_arms()) {
    const std::string said = sentence(arm + " ends at ");
    ASSERT_EQ(said.empty(), pairs(arm).empty()) << arm;
    if (said.empty()) continue;
    const auto found =
        matches(said, "ends at ([-\\d.]+), baseline at ([-\\d.]+): \\S+ is " + kGain + " \\(");
    ASSERT_EQ(found.size(), 1U) << said;
    const double losses = std::stod(found[0][2]) - std::stod(found[0][1]);
    const double gain = signed_gain(found[0][3]);
    EXPECT_NEAR(losses, gain, kLastDigit) << said;
    EXPECT_GE(losses * gain, 0) << said;
    EXPECT_EQ(said.find(" more probability") != std::string::npos && gain <= 0, false) << said;
    EXPECT_EQ(said.find(" less probability") != std::string::npos && gain >= 0, false) << said;
    if (at_equal_flops(arm)) {
      EXPECT_NEAR(gain, mean_gain(arm), kLastDigit / 2) << said;
    }
    const std::size_t seeds = pairs(arm).size();
    const bool luck = said.find("chance") != std::string::npos;
    const auto interval = matches(said, "95 % (prediction )?interval " + kRange);
    const bool predicted = !interval.empty() && !interval[0][1].empty();
    EXPECT_EQ(luck, interval.empty()) << said;
    EXPECT_EQ(interval.empty() || predicted, seeds < 3) << said;
    if (at_equal_flops(arm)) {
      EXPECT_EQ(predicted, seeds < 3 && !made_.experiment.noise.empty()) << said;
    }
    if (interval.empty()) continue;
    if (predicted) {
      const auto ends = range_of(interval[0][2], interval[0][3]);
      EXPECT_NEAR(ends.second - ends.first, noise_reach(arm, seeds) * 2, kLastDigit) << said;
    }
    const auto [low, high] = range_of(interval[0][2], interval[0][3]);
    EXPECT_EQ(says(said, " is ahead[.,]"), low > 0) << said;
    EXPECT_EQ(says(said, " is behind[.,]"), high < 0) << said;
    EXPECT_EQ(said.find("no clear difference") != std::string::npos, low <= 0 && high >= 0) << said;
  }
}

void Said::headline_is_of_the_best_arm_and_claims_what_its_interval_does() const {
  std::string best;
  for (const std::string& arm : other_arms()) {
    if (at_equal_flops(arm) && (best.empty() || mean_gain(arm) > mean_gain(best))) best = arm;
  }
  const std::string& headline = words_.headline;
  bool any = false;
  for (const std::string& arm : other_arms()) any = any || !pairs(arm).empty();
  EXPECT_EQ(headline.starts_with("No result yet"), !any) << headline;
  if (best.empty()) return;
  const auto losses = matches(headline,
                              "loss ([-\\d.]+) against ([-\\d.]+)(?: \\(|; )?(one seed|mean of "
                              "(\\d+) seeds)?");
  ASSERT_EQ(losses.size(), 1U) << headline;
  const std::size_t seeds =
      losses[0][4].empty() ? 1 : static_cast<std::size_t>(whole(losses[0][4]));
  const auto ended = matches(headline, "(\\S+) ended " + kGain);
  const bool unclear = headline.starts_with("No clear difference between ");
  ASSERT_EQ(ended.empty(), unclear) << headline;
  const bool too_few = seeds < 3 && made_.experiment.noise.empty();
  EXPECT_EQ(headline.find("chance") != std::string::npos, too_few) << headline;
  if (!unclear) {
    const double gain = signed_gain(ended[0][2]);
    const double difference = std::stod(losses[0][2]) - std::stod(losses[0][1]);
    EXPECT_GE(gain * difference, 0) << headline;
    EXPECT_NEAR(gain, difference, kLastDigit) << headline;
  }
  // Arms that are read off between budgets compete too; without them the best is known.
  bool all_equal = true;
  for (const std::string& arm : other_arms()) {
    all_equal = all_equal && (pairs(arm).empty() || at_equal_flops(arm));
  }
  if (!all_equal) return;
  EXPECT_EQ(seeds, pairs(best).size()) << headline;
  EXPECT_NE(headline.find(unclear ? " between " + best + " and " : best + " ended "),
            std::string::npos)
      << headline;
}

void Said::json_verdicts_are_those_of_the_words() const {
  const util::Json json = util::parse_json(report_json(analysis_), "report.json");
  for (const util::Json& comparison : json["comparisons"]) {
    const std::string verdict = comparison["verdict"];
    const std::string said = sentence(comparison["arm"].get<std::string>() + " ends at ");
    const std::string expected = said.empty()                                      ? "none"
                                 : said.find("chance") != std::string::npos        ? "too_few_seeds"
                                 : said.find("no clear diff") != std::string::npos ? "unclear"
                                 : says(said, " is ahead[.,]")                     ? "ahead"
                                                                                   : "behind";
    EXPECT_EQ(verdict, expected) << said;
  }
}

void Said::schedules_name_every_phase_of_the_runs() const {
  for (const std::string& arm : made_.experiment.arms) {
    const test::MadeRun* run = nullptr;
    for (std::int64_t seed = 2; seed < 10 && run == nullptr; ++seed) run = made_.find(arm, seed);
    if (run == nullptr) continue;
    const std::string said = sentence(arm + " trained ");
    ASSERT_FALSE(said.empty()) << arm;
    if (said.find("next tokens throughout") != std::string::npos) {
      EXPECT_EQ(run->header.phases.size(), 1U) << said;
      EXPECT_EQ(run->header.phases[0].target_size, 1) << said;
      continue;
    }
    const auto clauses = matches(
        said,
        "(\\d+) steps (?:of next-token|read (?:bags of (\\d+)|single) tokens(?: as one averaged "
        "input)? and predicted (?:all (\\d+)|the next))");
    ASSERT_EQ(clauses.size(), run->header.phases.size()) << said;
    for (std::size_t i = 0; i < clauses.size(); ++i) {
      const metrics::PhaseInfo& phase = run->header.phases[i];
      EXPECT_EQ(whole(clauses[i][1]), phase.num_steps) << said;
      EXPECT_EQ(clauses[i][2].empty() ? 1 : whole(clauses[i][2]), phase.bag_size) << said;
      EXPECT_EQ(clauses[i][3].empty() ? 1 : whole(clauses[i][3]), phase.target_size) << said;
    }
  }
}

// The step at which superposition ends, 0 where it never does.
std::int64_t switch_of(const test::MadeRun& run) {
  std::int64_t step = 0;
  for (const metrics::PhaseInfo& phase : run.header.phases) {
    if (phase.bag_size > 1 || phase.target_size > 1) step = phase.first_step + phase.num_steps;
  }
  return step == run.header.total_steps ? 0 : step;
}

void Said::curves_lie_where_the_caption_says() const {
  for (const std::string& arm : other_arms()) {
    if (!at_equal_flops(arm)) continue;
    std::int64_t checks = 0;
    std::int64_t above = 0;
    for (const PairedSeed& pair : pairs(arm)) {
      for (std::size_t i = 1; i < pair.arm->validations.size(); ++i) {
        if (pair.arm->validations[i].step > switch_of(*pair.arm)) continue;
        ++checks;
        above += rounded(gap(pair, i)) < 0 ? 1 : 0;
      }
    }
    const auto said =
        matches(page_, "While superposed, " + arm +
                           " had a higher loss than baseline at (\\d+) of (\\d+) validation");
    ASSERT_EQ(said.size(), checks > 0 ? 1U : 0U);
    if (said.empty()) continue;
    EXPECT_EQ(whole(said[0][1]), above) << said[0][0];
    EXPECT_EQ(whole(said[0][2]), checks) << said[0][0];
  }
}

void Said::crossings_are_those_of_the_curves() const {
  for (const std::string& arm : other_arms()) {
    if (!at_equal_flops(arm)) continue;
    std::int64_t overtook = 0;
    std::int64_t stayed = 0;
    std::int64_t seeds = 0;
    double first_gaps = 0;
    double last = 0;
    for (const PairedSeed& pair : pairs(arm)) {
      if (switch_of(*pair.arm) == 0) continue;
      ++seeds;
      bool ahead = false;
      bool stays = false;
      bool is_first = true;
      for (std::size_t i = 0; i < pair.arm->validations.size(); ++i) {
        if (pair.arm->validations[i].step <= switch_of(*pair.arm)) continue;
        last = gap(pair, i);
        if (is_first) first_gaps += last;
        is_first = false;
        stays = rounded(last) > 0 && (stays || !ahead);
        ahead = ahead || rounded(last) > 0;
      }
      overtook += ahead ? 1 : 0;
      stayed += stays ? 1 : 0;
    }
    const std::string said =
        sentence(seeds == 1 ? "The switch to next" : "At the first validation");
    if (seeds == 0 || said.find(" " + arm + " was ") == std::string::npos) continue;  // another's
    const auto first = matches(said, arm + " was " + kGain);
    EXPECT_NEAR(signed_gain(first.at(0)[1]), first_gaps / static_cast<double>(seeds),
                kLastDigit / 2);
    if (seeds == 1) {
      EXPECT_EQ(said.find("never ahead") == std::string::npos, overtook == 1) << said;
      EXPECT_EQ(said.find("and stayed ahead") != std::string::npos, stayed == 1) << said;
      const auto end = matches(said, "at the last validation it was " + kGain);
      ASSERT_EQ(end.empty(), stayed == 1) << said;
      if (end.empty()) continue;
      EXPECT_NEAR(signed_gain(end[0][1]), last, kLastDigit / 2) << said;
      continue;
    }
    const auto counts = matches(said, "got ahead in (\\d+) of (\\d+) seeds");
    ASSERT_EQ(counts.size(), 1U) << said;
    EXPECT_EQ(whole(counts[0][1]), overtook) << said;
    EXPECT_EQ(whole(counts[0][2]), seeds) << said;
    const auto to_the_end = matches(said, "to the last validation in (\\d+)");
    EXPECT_EQ(to_the_end.empty(), stayed == 0) << said;
    for (const auto& count : to_the_end) EXPECT_EQ(whole(count[1]), stayed) << said;
  }
}

void Said::speed_ups_say_more_or_less_as_their_factor_does() const {
  for (const auto& match :
       matches(text_ + page_, "(>= |<= )?([\\d.]+)x, (less|more|the same) compute")) {
    const double factor = std::stod(match[2]);
    const bool less = match[3] == "less";
    const bool more = match[3] == "more";
    EXPECT_EQ(factor > 1, less) << match[0];
    EXPECT_EQ(factor < 1, more) << match[0];
    EXPECT_FALSE(less && match[1] == "<= ") << match[0];
    EXPECT_FALSE(more && match[1] == ">= ") << match[0];
  }
}

void Said::text_that_losses_were_measured_on_is_named() const {
  std::optional<std::pair<std::int64_t, std::int64_t>> tokens;
  bool known = true;
  for (const test::MadeRun& run : made_.runs) {
    if (made_.find(run.entry.arm, run.entry.seed) != &run) continue;
    const metrics::ValidationRecord& last = run.validations.back();
    const auto& scored = made_.quotes_half_b() ? last.scored_half_b : last.scored;
    known = known && scored;
    if (!scored) continue;
    if (!tokens) tokens = {scored->tokens, scored->tokens};
    tokens = {std::min(tokens->first, scored->tokens), std::max(tokens->second, scored->tokens)};
  }
  const auto hint = matches(page_, "held-out documents[^:<]*: ([^<]*)\\.</p>");
  ASSERT_EQ(hint.size(), 1U);
  if (!known || !tokens) {
    EXPECT_EQ(hint[0][1], "text (size not recorded for all runs)");
    return;
  }
  const std::string low = util::with_commas(tokens->first);
  const std::string high = util::with_commas(tokens->second);
  EXPECT_EQ(hint[0][1], (low == high ? high : low + " to " + high) + " tokens of " +
                            (made_.quotes_half_b() ? "31" : "63") + " documents");
}

void Said::rates_that_ran_are_told_apart_from_the_best() const {
  if (!made_.quotes_half_b()) return;
  bool other = false;
  for (const RateGrid& grid : analysis_.rate_grids) {
    for (const RunEntry& run : made_.experiment.runs) {
      const bool is_result = run.arm == grid.arm && run.role == Role::kFinal;
      other = other || (is_result && grid.best && run.learning_rate != *grid.best);
    }
  }
  EXPECT_EQ(text_.find("but the results ran at") != std::string::npos, other) << text_;
}

void Said::raw_text_is_told_as_it_was_read() const {
  for (const auto& match :
       matches(text_,
               "(\\S+) read ([\\d.]+)x the raw text of baseline: ([\\d.]+)([KM]?) tokens "
               "against ([\\d.]+)([KM]?)")) {
    const auto count = [&](std::size_t at) {
      const double unit = match[at + 1] == "M" ? 1e6 : match[at + 1] == "K" ? 1e3 : 1;
      return std::stod(match[at]) * unit;
    };
    EXPECT_NEAR(std::stod(match[2]), count(3) / count(5), 0.02 * std::stod(match[2])) << match[0];
  }
}

void Said::errors_over_documents_hold_the_gain() const {
  for (const std::string& arm : other_arms()) {
    if (pairs(arm).empty() || !at_equal_flops(arm)) continue;
    const util::Json json = json_of(arm)["equal_flops"]["documents"];
    ASSERT_EQ(json["low"].is_null(), !all_have_final_scores()) << json;
    EXPECT_EQ(json["count"], all_have_final_scores() ? 63 : 0);
    if (json["low"].is_null()) continue;
    EXPECT_LE(json["low"].get<double>(), mean_gain(arm) + 1e-9);
    EXPECT_GE(json["high"].get<double>(), mean_gain(arm) - 1e-9);
  }
  // In words: an interval where one is quoted, and never a verdict.
  for (const auto& match :
       matches(text_, "over documents the difference lies at " + kRange + ", (\\d+) document")) {
    const auto [low, high] = range_of(match[1], match[2]);
    EXPECT_LE(low, high) << match[0];
    EXPECT_EQ(match[3], "63") << match[0];
  }
}

// Standard deviation with n - 1.
double deviation(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  double squares = 0;
  for (const double value : values) {
    squares += std::pow(value - sum / static_cast<double>(values.size()), 2);
  }
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

void Said::spreads_are_those_of_the_runs() const {
  for (const auto& match :
       matches(text_, "(\\d+\\.\\d{4}) \\((\\d+) seeds; at most (\\d+\\.\\d{4})\\)")) {
    EXPECT_LE(std::stod(match[1]), std::stod(match[3])) << match[0];
    EXPECT_GE(whole(match[2]), 2) << match[0];
  }
  for (const std::string& arm : other_arms()) {
    if (pairs(arm).empty() || !at_equal_flops(arm)) continue;
    std::vector<double> gains;
    for (const PairedSeed& pair : pairs(arm)) {
      gains.push_back(gap(pair, pair.arm->validations.size() - 1));
    }
    const util::Json spread = json_of(arm)["equal_flops"]["spread"];
    ASSERT_EQ(spread.is_null(), gains.size() < 2);
    if (spread.is_null()) continue;
    EXPECT_NEAR(spread["deviation"].get<double>(), deviation(gains), 1e-9);
    const bool has_block = json_of(arm).contains("noise_block");
    EXPECT_EQ(has_block, gains.size() >= 6 && deviation(gains) > 0);
  }
}

void Said::use_of_context_is_that_of_the_records() const {
  for (const std::string& arm : made_.experiment.arms) {
    std::size_t probed = 0;
    std::size_t copying = 0;
    double last = 0;
    for (std::int64_t seed = 2; seed < 10; ++seed) {
      const test::MadeRun* run = made_.find(arm, seed);
      if (run == nullptr || !run->validations.back().copying) continue;
      ++probed;
      last += *run->validations.back().copying;
      copying += rounded(*run->validations.back().copying) < -0.5 ? 1U : 0U;
    }
    const std::string uses = sentence(arm + " learned to copy from its context: ");
    EXPECT_EQ(uses.empty(), copying == 0) << arm;
    EXPECT_EQ(sentence(arm + " did not learn to copy").empty(), probed == 0 || copying > 0) << arm;
    if (uses.empty()) continue;
    const auto of_seeds = matches(uses, "in (\\d+) of (\\d+) seeds");
    ASSERT_EQ(of_seeds.empty(), probed == 1) << uses;
    if (probed > 1) {
      EXPECT_EQ(of_seeds[0][1] + "/" + of_seeds[0][2],
                std::to_string(copying) + "/" + std::to_string(probed));
    }
    const auto end = matches(uses, "(\\d+\\.\\d{4}) nats (better|worse) at the end");
    ASSERT_EQ(end.size(), 1U) << uses;
    const double better = (end[0][2] == "better" ? 1 : -1) * std::stod(end[0][1]);
    EXPECT_NEAR(better, -last / static_cast<double>(probed), kLastDigit) << uses;
  }
}

void Said::arms_are_ranked_by_gain() const {
  double before = 1e9;
  for (const util::Json& arm : util::parse_json(report_json(analysis_), "report.json")["ranking"]) {
    if (!at_equal_flops(arm)) continue;
    EXPECT_LE(mean_gain(arm), before + 1e-9) << arm;
    before = mean_gain(arm);
  }
}

void Said::the_whole_page_is_in_order() const {
  EXPECT_TRUE(matches(text_ + page_, "\\b(nan|inf)\\b|-0\\.0|[+-]\\d+\\.\\d{4}").empty());
  for (const std::string& table : between(page_, "<table", "</table>")) {
    std::set<std::size_t> widths;
    for (const std::string& row : between(table, "<tr>", "</tr>")) {
      if (!row.empty()) widths.insert(matches(row, "<t[hd][ >]").size());
    }
    EXPECT_EQ(widths.size(), 1U) << table;
  }
}

// The experiments are made once and looked at by every test.
void each(void (Said::*check)() const) {
  static const std::vector<Said> all = [] {
    std::vector<Said> made;
    for (std::uint32_t seed = 0; seed < kExperiments; ++seed) made.emplace_back(seed);
    return made;
  }();
  for (const Said& said : all) {
    SCOPED_TRACE("experiment " + std::to_string(said.seed()));
    (said.*check)();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Consistency, IntervalsHoldTheirPointAndSeedsAreCounted) {
  each(&Said::intervals_hold_their_point_and_seeds_are_counted);
}
TEST(Consistency, GainsAreThoseOfTheRuns) { each(&Said::gains_are_those_of_the_runs); }
TEST(Consistency, HeadlineIsOfTheBestArmAndClaimsWhatItsIntervalDoes) {
  each(&Said::headline_is_of_the_best_arm_and_claims_what_its_interval_does);
}
TEST(Consistency, JsonVerdictsAreThoseOfTheWords) {
  each(&Said::json_verdicts_are_those_of_the_words);
}
TEST(Consistency, SchedulesNameEveryPhaseOfTheRuns) {
  each(&Said::schedules_name_every_phase_of_the_runs);
}
TEST(Consistency, CurvesLieWhereTheCaptionSays) { each(&Said::curves_lie_where_the_caption_says); }
TEST(Consistency, CrossingsAreThoseOfTheCurves) { each(&Said::crossings_are_those_of_the_curves); }
TEST(Consistency, SpeedUpsSayMoreOrLessAsTheirFactorDoes) {
  each(&Said::speed_ups_say_more_or_less_as_their_factor_does);
}
TEST(Consistency, TextThatLossesWereMeasuredOnIsNamed) {
  each(&Said::text_that_losses_were_measured_on_is_named);
}
TEST(Consistency, RatesThatRanAreToldApartFromTheBest) {
  each(&Said::rates_that_ran_are_told_apart_from_the_best);
}
TEST(Consistency, RawTextIsToldAsItWasRead) { each(&Said::raw_text_is_told_as_it_was_read); }
TEST(Consistency, ErrorsOverDocumentsHoldTheGain) {
  each(&Said::errors_over_documents_hold_the_gain);
}
TEST(Consistency, SpreadsAreThoseOfTheRuns) { each(&Said::spreads_are_those_of_the_runs); }
TEST(Consistency, UseOfContextIsThatOfTheRecords) {
  each(&Said::use_of_context_is_that_of_the_records);
}
TEST(Consistency, ArmsAreRankedByGain) { each(&Said::arms_are_ranked_by_gain); }
TEST(Consistency, TheWholePageIsInOrder) { each(&Said::the_whole_page_is_in_order); }

}  // namespace
}  // namespace superpose::report
