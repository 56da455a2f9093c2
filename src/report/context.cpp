#include "report/context.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/load.h"
#include "report/words/text.h"
#include "util/text.h"

namespace superpose::report {
namespace {

bool copies(double copying) { return as_shown(copying) < kCopies; }

std::optional<SeedCopying> copying_of(const Run& run) {
  SeedCopying found;
  found.seed = run.entry.seed;
  const std::optional<std::int64_t> decay = decay_start_of(run.records.header);
  bool has_probe = false;
  for (const metrics::ValidationRecord& point : run.records.validations) {
    if (!point.copying) continue;
    has_probe = true;
    found.last = {point.step, *point.copying};
    if (!copies(*point.copying)) {
      found.from_step.reset();
    } else if (!found.from_step) {
      found.from_step = point.step;
    }
    if (decay && point.step > 0 && point.step <= *decay) found.before_decay = found.last;
  }
  if (!has_probe) return std::nullopt;
  return found;
}

std::vector<metrics::PositionLoss> mean_by_position(const std::vector<const Run*>& runs) {
  std::vector<metrics::PositionLoss> mean;
  const auto n = static_cast<double>(runs.size());
  for (const Run* run : runs) {
    if (!run->records.final_scores) return {};
    const auto& own = run->records.final_scores->sets.front().by_position;
    if (run == runs.front()) {
      mean = own;
      for (metrics::PositionLoss& range : mean) range.loss = 0;
    }
    const auto is_same = [](const metrics::PositionLoss& a, const metrics::PositionLoss& b) {
      return a.first == b.first && a.end == b.end;
    };
    if (!std::equal(mean.begin(), mean.end(), own.begin(), own.end(), is_same)) return {};
    for (std::size_t i = 0; i < own.size(); ++i) mean[i].loss += own[i].loss / n;
  }
  return mean;
}

// "1.8900 nats better", of the second copy against the first
std::string second_copy(double copying) {
  const double shown = as_shown(copying);
  if (shown == 0) return "no better";
  return format_loss(std::abs(shown)) + (shown < 0 ? " nats better" : " nats worse");
}

// "from step 9,000 on", "in 2 of 3 seeds, from step 8,000 to 9,500 on"
std::string when_words(const std::vector<SeedCopying>& seeds) {
  std::vector<std::int64_t> steps;
  for (const SeedCopying& seed : seeds) {
    if (seed.from_step) steps.push_back(*seed.from_step);
  }
  const auto [least, most] = std::minmax_element(steps.begin(), steps.end());
  std::string text = "from step " + util::with_commas(*least);
  if (*least != *most) text += " to " + util::with_commas(*most);
  if (seeds.size() == 1) return text + " on";
  return "in " + std::to_string(steps.size()) + " of " + util::counted(std::ssize(seeds), "seed") +
         ", " + text + " on";
}

std::string copying_words(const std::vector<SeedCopying>& seeds) {
  double last = 0;
  for (const SeedCopying& seed : seeds) {
    last += seed.last.copying / static_cast<double>(seeds.size());
  }
  const std::string at_the_end =
      std::string("at the end") + (seeds.size() > 1 ? " on average" : "");
  const std::string task = " it predicts the second copy of random text ";
  const bool any = std::any_of(seeds.begin(), seeds.end(),
                               [](const SeedCopying& seed) { return seed.from_step.has_value(); });
  if (!any) {
    return " did not learn to copy from its context: " + at_the_end + task + second_copy(last) +
           " than the first (0.5 nats per token or more count as copying)";
  }
  return " learned to copy from its context: " + when_words(seeds) + task +
         "by more than 0.5 nats per token better than the first (" + second_copy(last) + " " +
         at_the_end + ")";
}

// "position 0", "positions 128 to 255"
std::string range_words(const metrics::PositionLoss& range) {
  if (range.end - range.first == 1) return "position " + util::with_commas(range.first);
  return "positions " + util::with_commas(range.first) + " to " + util::with_commas(range.end - 1);
}

}  // namespace

ContextUse context_use(const Analysis& analysis, const std::string& arm) {
  const std::vector<const Run*> runs = analysis.results(arm, 1);
  ContextUse use;
  for (const Run* run : runs) {
    if (const std::optional<SeedCopying> seed = copying_of(*run)) use.seeds.push_back(*seed);
  }
  use.by_position = mean_by_position(runs);
  return use;
}

bool was_late(const SeedCopying& seed) {
  return seed.before_decay && !copies(seed.before_decay->copying);
}

std::string context_sentence(const std::string& name, const ContextUse& use) {
  std::string text;
  if (!use.seeds.empty()) text = name + copying_words(use.seeds) + ".";
  if (use.by_position.size() < 2) return text;
  const metrics::PositionLoss& first = use.by_position.front();
  const metrics::PositionLoss& last = use.by_position.back();
  return text + (text.empty() ? name + "'s final loss is " : " Its final loss is ") +
         format_loss(first.loss) + " at " + range_words(first) + " of the window and " +
         format_loss(last.loss) + " at " + range_words(last) + ".";
}

namespace {

// "tst, seeds 1, 2 (step 800)"; empty where every seed copied in time.
std::string late_seeds(const ArmSummary& arm) {
  std::vector<std::string> seeds;
  std::int64_t step = 0;
  for (const SeedCopying& seed : arm.context.seeds) {
    if (!was_late(seed)) continue;
    step = std::max(step, seed.before_decay->step);
    seeds.push_back(std::to_string(seed.seed));
  }
  if (seeds.empty()) return "";
  return arm.name + ", " + (seeds.size() == 1 ? "seed " : "seeds ") + util::join(seeds, ", ") +
         " (step " + util::with_commas(step) + ")";
}

}  // namespace

std::string late_warning(const std::vector<ArmSummary>& arms) {
  std::vector<std::string> late;
  for (const ArmSummary& arm : arms) {
    if (std::string seeds = late_seeds(arm); !seeds.empty()) late.push_back(std::move(seeds));
  }
  if (late.empty()) return "";
  return "Did not copy from their context at the last validation before the learning rate began to "
         "decay: " +
         util::join(late, "; ") +
         ". Whether such a run still learns to, and how far it gets, is a matter of luck, and so "
         "is its final loss.";
}

}  // namespace superpose::report
