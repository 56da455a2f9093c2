#include "data/batch_source.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "data/reading_plan.h"
#include "data/row_order.h"
#include "superposition/windows.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/random.h"

namespace superpose::data {
namespace {

using superposition::Phase;
using superposition::WindowShape;

std::vector<std::shared_ptr<const TokenStream>> streams_of(const std::vector<RowSource>& sources) {
  std::vector<std::shared_ptr<const TokenStream>> streams;
  for (const RowSource& source : sources) streams.push_back(source.stream);
  return streams;
}

const BatchPlan& checked(const BatchPlan& plan) {
  util::require(!plan.phases.empty(), "data: a run needs a phase");
  util::require(plan.sequence_length >= 1, "data: sequence_length must be >= 1, got ",
                plan.sequence_length);
  util::require(plan.world_size >= 1 && plan.rank >= 0 && plan.rank < plan.world_size,
                "data: rank must lie in [0, ranks), got ", plan.rank, " of ", plan.world_size);
  for (const Phase& phase : plan.phases) {
    const std::int64_t rows = superposition::size_of(phase, plan.step_size()).rows;
    util::require(rows >= plan.world_size, "data: a step needs a row for each rank, got ", rows,
                  " rows for ", plan.world_size, " ranks");
  }
  const std::int64_t total = plan.phases.back().end_step();
  util::require(plan.first_step >= 0 && plan.first_step <= total,
                "data: first step must lie in [0, ", total, "], got ", plan.first_step);
  return plan;
}

// pieces: number of the piece of each raw id, at least starts.size() bags of them. A piece begins
// at a bag's border: the one before it is padded.
void find_document_starts(std::span<const std::int32_t> pieces, std::int64_t bag_size,
                          std::span<std::int64_t> starts) {
  const auto a = static_cast<std::size_t>(bag_size);
  std::size_t start = 0;
  for (std::size_t j = 0; j < starts.size(); ++j) {
    if (pieces[j * a] != pieces[start * a]) start = j;
    starts[j] = static_cast<std::int64_t>(start);
  }
}

// Adds the valid targets of each slot of one row, from the lengths of its pieces alone.
void add_valid_targets(const TokenStream& stream, const RowOrder::Row& row,
                       std::span<std::int64_t> counts) {
  const auto [a, b] = row.shape.bags;
  std::int64_t cursor = row.cursor;
  for (std::int64_t bags_left = row.shape.sequence_length; bags_left > 0;) {
    const std::int64_t n = stream.piece_at(row.lane, cursor).count;
    const std::int64_t bags = std::min(bags_left, (n + a - 1) / a);
    // Bag m of the piece has a target in slot i where (m + 1) a + i < n.
    for (std::int64_t i = 0; i < std::min(b, n); ++i) {
      counts[static_cast<std::size_t>(i)] += std::min(bags, (n - i - 1) / a);
    }
    bags_left -= bags;
    cursor += n;
  }
}

// Fisher-Yates.
void shuffle(std::span<std::int32_t> ids, std::uint64_t key) {
  for (std::size_t i = ids.size(); i > 1; --i) {
    const auto j = static_cast<std::size_t>(util::uniform01(key, i) * static_cast<double>(i));
    std::swap(ids[i - 1], ids[j]);
  }
}

}  // namespace

std::int64_t BatchPlan::rows_to(std::int64_t step) const {
  return superposition::rows_before(phases, step, step_size()) -
         superposition::rows_before(phases, first_step, step_size());
}

struct BatchSource::Plan {
  Plan(std::vector<RowSource> row_sources, const BatchPlan& batch_plan)
      : plan(checked(batch_plan)), sources(std::move(row_sources)), rows(streams_of(sources)) {
    for (const Consumption& stretch : plan.consumed) rows.append(stretch);
    first_row = rows.num_rows();
    ends = plan_reading(rows, sources, plan);
  }

  std::int64_t row_of(std::int64_t step) const { return first_row + plan.rows_to(step); }
  void check_step(std::int64_t step, std::int64_t last) const {
    util::require(step >= plan.first_step && step <= last, "data: step must lie in [",
                  plan.first_step, ", ", last, "], got ", step);
  }

  BatchPlan plan;
  std::vector<RowSource> sources;
  RowOrder rows;
  std::int64_t first_row = 0;
  ReadingEnds ends;
};

BatchSource::BatchSource(std::shared_ptr<const TokenStream> stream, const BatchPlan& plan)
    : BatchSource(std::vector<RowSource>{{.name = "", .stream = std::move(stream)}}, plan) {}

BatchSource::BatchSource(std::vector<RowSource> sources, const BatchPlan& plan)
    : plan_(std::make_unique<const Plan>(std::move(sources), plan)) {}

BatchSource::~BatchSource() = default;

std::int64_t BatchSource::first_step() const { return plan_->plan.first_step; }

std::int64_t BatchSource::total_steps() const { return plan_->plan.phases.back().end_step(); }

std::int64_t BatchSource::end_step() const { return data_end().value_or(total_steps()); }

std::optional<std::int64_t> BatchSource::data_end() const { return plan_->ends.data; }

std::optional<std::int64_t> BatchSource::used_up_step(std::size_t source) const {
  return plan_->ends.sources[source];
}

const std::vector<RowSource>& BatchSource::sources() const { return plan_->sources; }

Batch BatchSource::load(std::int64_t step) const {
  plan_->check_step(step, end_step() - 1);
  const BatchPlan& plan = plan_->plan;
  const Phase& phase = superposition::phase_at(plan.phases, step);
  const superposition::StepSize size = superposition::size_of(phase, plan.step_size());
  const std::int64_t step_row = plan_->row_of(step);
  const std::int64_t begin = plan.rank * size.rows / plan.world_size;
  const std::int64_t end = (plan.rank + 1) * size.rows / plan.world_size;
  const auto shape = plan_->rows.row(step_row).shape;

  Batch batch;
  batch.step = step;
  batch.rows = end - begin;
  batch.step_positions = size.positions();
  batch.shape = shape;
  const auto row_inputs = static_cast<std::size_t>(shape.advance());
  const auto row_targets = static_cast<std::size_t>(shape.sequence_length * shape.bags.target_size);
  batch.inputs.resize(static_cast<std::size_t>(batch.rows) * row_inputs);
  batch.targets.resize(static_cast<std::size_t>(batch.rows) * row_targets);
  const bool document_aware = plan_->rows.stream(0).document_aware();
  const auto row_starts = static_cast<std::size_t>(document_aware ? shape.sequence_length : 0);
  batch.document_starts.resize(static_cast<std::size_t>(batch.rows) * row_starts);

  std::vector<std::int32_t> ids(static_cast<std::size_t>(shape.length()));
  std::vector<std::int32_t> pieces(document_aware ? ids.size() : 0);
  for (std::int64_t i = begin; i < end; ++i) {
    const RowOrder::Row row = plan_->rows.row(step_row + i);
    plan_->rows.stream(row.source).read(row.lane, row.cursor, shape.bags.bag_size, ids, pieces);
    const auto place = static_cast<std::size_t>(i - begin);
    batch.ids_hash +=
        util::hash64(std::as_bytes(std::span(ids)), static_cast<std::uint64_t>(step_row + i));
    if (phase.bag_order == superposition::BagOrder::kShuffled) {
      shuffle(ids, util::stream_key(plan.seed, "data.bag_shuffle", std::to_string(step_row + i)));
    }
    superposition::cut_window(shape, ids, pieces,
                              std::span(batch.inputs).subspan(place * row_inputs, row_inputs),
                              std::span(batch.targets).subspan(place * row_targets, row_targets));
    find_document_starts(pieces, shape.bags.bag_size,
                         std::span(batch.document_starts).subspan(place * row_starts, row_starts));
  }
  batch.raw_tokens = std::count_if(batch.inputs.begin(), batch.inputs.end(),
                                   [](std::int64_t id) { return id >= 0; });
  batch.counts = count_targets(step);
  batch.epoch = epoch_before(step + 1);
  return batch;
}

std::vector<std::int64_t> BatchSource::count_targets(std::int64_t step) const {
  const std::int64_t first = plan_->row_of(step);
  const std::int64_t rows = plan_->row_of(step + 1) - first;
  const auto shape = plan_->rows.row(first).shape;
  if (!plan_->rows.stream(0).document_aware()) {
    return std::vector<std::int64_t>(static_cast<std::size_t>(shape.bags.target_size),
                                     rows * shape.sequence_length);
  }
  std::vector<std::int64_t> counts(static_cast<std::size_t>(shape.bags.target_size), 0);
  for (std::int64_t row = first; row < first + rows; ++row) {
    const RowOrder::Row place = plan_->rows.row(row);
    add_valid_targets(plan_->rows.stream(place.source), place, counts);
  }
  return counts;
}

std::vector<Consumption> BatchSource::consumption_before(std::int64_t step) const {
  plan_->check_step(step, end_step());
  return plan_->rows.consumption_before(plan_->row_of(step));
}

double BatchSource::epoch_before(std::int64_t step) const {
  plan_->check_step(step, end_step());
  return plan_->rows.epoch_before(plan_->row_of(step));
}

double BatchSource::source_epoch_before(std::size_t source, std::int64_t step) const {
  plan_->check_step(step, end_step());
  return plan_->rows.epoch_before(source, plan_->row_of(step));
}

std::int64_t BatchSource::source_rows_before(std::size_t source, std::int64_t step) const {
  plan_->check_step(step, end_step());
  return plan_->rows.source_rows(source, plan_->row_of(step));
}

std::optional<std::int64_t> BatchSource::exhaustion_step(std::size_t source) const {
  // What was consumed before is taken for steps of this plan's number of rows.
  std::int64_t first = first_step();
  while (first > 0 && plan_->row_of(first - 1) >= 0) --first;
  return first_step_beyond({first, end_step()}, 1, [&](std::int64_t step) {
    return plan_->rows.epoch_before(source, plan_->row_of(step + 1));
  });
}

std::int64_t longest_window(const std::vector<Phase>& phases, std::int64_t sequence_length) {
  std::int64_t longest = 0;
  for (const Phase& phase : phases) {
    const std::int64_t positions = phase.sequence_length.value_or(sequence_length);
    longest = std::max(longest, WindowShape{positions, phase.bags}.length());
  }
  return longest;
}

}  // namespace superpose::data
