#include "data/source_usage.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>

#include "data/reading_plan.h"
#include "util/table.h"
#include "util/text.h"

namespace superpose::data {
namespace {

using superposition::Phase;

// [source]: shares of the tokens, sum 1.
std::vector<double> shares_of(const BatchSource& source, const Phase& phase) {
  std::vector<std::string> names;
  std::vector<double> own;
  for (const RowSource& one : source.sources()) {
    names.push_back(one.name);
    own.push_back(one.weight);
  }
  std::vector<double> shares = phase_weights(names, own, phase.weights);
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum;
  return shares;
}

std::string name_of(const SourceUsage& reading) {
  return reading.name.empty() ? "corpus" : reading.name;
}

void print_phase(std::ostream& out, const std::vector<SourceUsage>& readings, std::size_t phase) {
  std::vector<util::TableRow> rows = {
      {"source", "tokens", "weight", "rows", "raw tokens", "epochs"}};
  for (const SourceUsage& reading : readings) {
    const PhaseUsage& part = reading.phases[phase];
    rows.push_back({name_of(reading), util::format_count(reading.tokens),
                    util::fixed(part.share, 4), std::to_string(part.rows),
                    util::format_count(part.raw_tokens), util::fixed(part.epochs, 3)});
  }
  util::print_table(out, rows, "lr", "  ");
}

void print_ends(std::ostream& out, const SourceUsage& reading) {
  if (reading.repeats_from) {
    out << name_of(reading) << ": read again from step " << *reading.repeats_from << " on\n";
  }
  if (reading.used_up_from) {
    out << name_of(reading) << ": used up after step " << *reading.used_up_from
        << ", the others take its share\n";
  }
}

}  // namespace

std::vector<SourceUsage> usage_by_source(const BatchSource& source,
                                         const std::vector<Phase>& phases) {
  std::vector<SourceUsage> readings;
  for (std::size_t i = 0; i < source.sources().size(); ++i) {
    SourceUsage reading;
    reading.name = source.sources()[i].name;
    reading.tokens = source.sources()[i].stream->num_tokens();
    reading.repeats_from = source.exhaustion_step(i);
    reading.used_up_from = source.used_up_step(i);
    for (const Phase& phase : phases) {
      const auto inside = [&](std::int64_t step) {
        return std::clamp(step, source.first_step(), source.end_step());
      };
      const std::int64_t begin = inside(phase.first_step);
      const std::int64_t end = inside(phase.end_step());
      PhaseUsage part;
      part.share = shares_of(source, phase)[i];
      part.rows = source.source_rows_before(i, end) - source.source_rows_before(i, begin);
      part.epochs = source.source_epoch_before(i, end);
      part.raw_tokens = std::llround((part.epochs - source.source_epoch_before(i, begin)) *
                                     static_cast<double>(reading.tokens));
      reading.phases.push_back(part);
    }
    readings.push_back(std::move(reading));
  }
  return readings;
}

void print_usage(std::ostream& out, const BatchSource& source, const std::vector<Phase>& phases) {
  const std::vector<SourceUsage> readings = usage_by_source(source, phases);
  for (std::size_t p = 0; p < phases.size(); ++p) {
    out << "phase " << p + 1 << ": steps " << phases[p].first_step << " to " << phases[p].end_step()
        << ", bags of " << phases[p].bags.bag_size << '\n';
    print_phase(out, readings, p);
  }
  for (const SourceUsage& reading : readings) print_ends(out, reading);
  if (source.data_end()) {
    out << "the data ends after step " << util::with_commas(*source.data_end()) << " of "
        << util::with_commas(source.total_steps()) << '\n';
  }
}

}  // namespace superpose::data
