#include "data/reading_plan.h"

#include <algorithm>

#include "util/error.h"
#include "util/text.h"

namespace superpose::data {
namespace {

using superposition::Phase;

// Lays the steps of one phase after the other onto RowOrder.
class Planner {
 public:
  Planner(RowOrder& rows, std::span<const RowSource> sources, const BatchPlan& plan)
      : rows_(rows), sources_(sources), plan_(plan), first_row_(rows.num_rows()) {
    ends_.sources.resize(sources.size());
    if (!plan.consumed.empty()) used_up_ = plan.consumed.back().used_up;
    for (const RowSource& source : sources) names_.push_back(source.name);
  }

  ReadingEnds run() {
    for (std::size_t index = 0; index < plan_.phases.size(); ++index) {
      try {
        add(plan_.phases[index]);
      } catch (const util::Error& error) {
        util::fail("phase ", index + 1, ": ", error.what());
      }
      if (ends_.data) break;
    }
    return std::move(ends_);
  }

 private:
  void add(const Phase& phase) {
    const std::vector<double> weights = weights_of(phase);
    std::int64_t step = std::max(phase.first_step, plan_.first_step);
    while (step < phase.end_step()) {
      if (!append({step, phase.end_step()}, phase, weights)) {
        ends_.data = step;
        return;
      }
      step = cut_at_limit({step, phase.end_step()});
    }
  }

  std::vector<double> weights_of(const Phase& phase) const {
    std::vector<double> own;
    for (const RowSource& source : sources_) own.push_back(source.weight);
    return phase_weights(names_, own, phase.weights);
  }

  // Rows of these steps by the weights of the sources that are left; false where none is.
  bool append(std::pair<std::int64_t, std::int64_t> steps, const Phase& phase,
              std::vector<double> weights) {
    for (const std::int64_t source : used_up_) weights[static_cast<std::size_t>(source)] = 0;
    if (std::none_of(weights.begin(), weights.end(), [](double w) { return w > 0; })) return false;
    const superposition::StepSize size = superposition::size_of(phase, plan_.step_size());
    Consumption next{.shape = {size.sequence_length, phase.bags},
                     .rows = (steps.second - steps.first) * size.rows};
    if (sources_.size() > 1) {
      next.slots = slots_of_weights(weights);
      next.used_up = used_up_;
    }
    rows_.append(next);
    return true;
  }

  // Ends the range that was appended before the first step in which a source would pass its limit.
  // Returns the first step behind the range.
  std::int64_t cut_at_limit(std::pair<std::int64_t, std::int64_t> steps) {
    std::int64_t end = steps.second;
    std::vector<std::int64_t> passing;
    for (std::size_t source = 0; source < sources_.size(); ++source) {
      const std::optional<std::int64_t> passes = passes_limit(source, steps);
      if (!passes || *passes > end) continue;
      if (*passes < end) passing.clear();
      end = *passes;
      passing.push_back(static_cast<std::int64_t>(source));
    }
    if (end == steps.second) return end;
    rows_.truncate(row_of(end));
    for (const std::int64_t source : passing) {
      used_up_.push_back(source);
      ends_.sources[static_cast<std::size_t>(source)] = end;
    }
    std::sort(used_up_.begin(), used_up_.end());
    return end;
  }

  std::optional<std::int64_t> passes_limit(std::size_t source,
                                           std::pair<std::int64_t, std::int64_t> steps) const {
    const double limit = sources_[source].max_epochs;
    const std::int64_t given = rows_.source_rows(source, row_of(steps.second)) -
                               rows_.source_rows(source, row_of(steps.first));
    if (limit <= 0 || given == 0) return std::nullopt;
    return first_step_beyond(steps, limit, [&](std::int64_t step) {
      return rows_.epoch_before(source, row_of(step + 1));
    });
  }

  std::int64_t row_of(std::int64_t step) const { return first_row_ + plan_.rows_to(step); }

  RowOrder& rows_;
  std::span<const RowSource> sources_;
  const BatchPlan& plan_;
  std::int64_t first_row_;
  std::vector<std::string> names_;
  std::vector<std::int64_t> used_up_;
  ReadingEnds ends_;
};

}  // namespace

ReadingEnds plan_reading(RowOrder& rows, std::span<const RowSource> sources,
                         const BatchPlan& plan) {
  return Planner(rows, sources, plan).run();
}

std::vector<double> phase_weights(std::span<const std::string> names, std::span<const double> own,
                                  const std::map<std::string, double>& named) {
  if (named.empty()) return {own.begin(), own.end()};
  std::vector<double> weights(names.size(), 0);
  for (const auto& [name, weight] : named) {
    const auto found = std::find(names.begin(), names.end(), name);
    util::require(found != names.end() && !name.empty(),
                  "weights: must name sources of [[mixture]] (",
                  util::join({names.begin(), names.end()}, ", "), "), got ", name);
    weights[static_cast<std::size_t>(found - names.begin())] = weight;
  }
  return weights;
}

std::optional<std::int64_t> first_step_beyond(
    std::pair<std::int64_t, std::int64_t> steps, double epochs,
    const std::function<double(std::int64_t)>& epoch_after) {
  constexpr double kRounding = 1e-12;  // of a mean of up to 64 quotients
  std::int64_t low = steps.first;
  std::int64_t high = steps.second;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (epoch_after(middle) > epochs * (1 + kRounding)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low == steps.second) return std::nullopt;
  return low;
}

}  // namespace superpose::data
