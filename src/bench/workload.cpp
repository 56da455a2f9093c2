#include "bench/workload.h"

#include <algorithm>

#include "superposition/windows.h"
#include "util/error.h"
#include "util/random.h"

namespace superpose::bench {
namespace {

Case uniform_case(std::int64_t bag_size) {
  util::require(bag_size >= 1, "--bags: must be >= 1, got ", bag_size);
  return {
      {bag_size, bag_size},
      std::vector<double>(static_cast<std::size_t>(bag_size), 1 / static_cast<double>(bag_size))};
}

void add_once(std::vector<Case>& cases, const Case& candidate) {
  const bool known = std::any_of(cases.begin(), cases.end(), [&](const Case& other) {
    return other.bags == candidate.bags && other.objective == candidate.objective;
  });
  if (!known) cases.push_back(candidate);
}

}  // namespace

std::string Case::name() const {
  const auto [bag_size, target_size] = bags;
  std::string text = std::to_string(bag_size);
  if (target_size != bag_size) text += " to " + std::to_string(target_size);
  const std::string_view told = superposition::told_name(objective);
  return told.empty() ? text : text + " " + std::string(told);
}

std::vector<Case> cases_of(std::span<const std::int64_t> bags,
                           std::span<const superposition::Phase> phases) {
  std::vector<Case> cases = {Case{}};
  for (const std::int64_t bag_size : bags) add_once(cases, uniform_case(bag_size));
  if (!bags.empty()) return cases;
  for (const superposition::Phase& phase : phases) {
    add_once(cases, {phase.bags, phase.slot_weights, phase.objective});
  }
  return cases;
}

data::Batch random_batch(const Case& which, const BatchShape& shape, std::uint64_t seed) {
  const superposition::WindowShape window{shape.sequence_length, which.bags};
  const auto inputs = static_cast<std::size_t>(shape.sequence_length * which.bags.bag_size);
  const auto targets = static_cast<std::size_t>(shape.sequence_length * which.bags.target_size);
  const auto rows = static_cast<std::size_t>(shape.rows);
  data::Batch batch;
  batch.rows = shape.rows;
  batch.shape = window;
  batch.inputs.resize(rows * inputs);
  batch.targets.resize(rows * targets);
  batch.counts.assign(static_cast<std::size_t>(which.bags.target_size),
                      shape.rows * shape.sequence_length);
  batch.raw_tokens = shape.rows * window.advance();
  std::vector<std::int32_t> raw(static_cast<std::size_t>(window.length()));
  const std::uint64_t key = util::stream_key(seed, "bench", which.name());
  std::uint64_t index = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::int32_t& id : raw) {
      id = static_cast<std::int32_t>(util::uniform01(key, index++) *
                                     static_cast<double>(shape.vocabulary));
    }
    superposition::cut_window(window, raw, {},
                              std::span(batch.inputs).subspan(row * inputs, inputs),
                              std::span(batch.targets).subspan(row * targets, targets));
  }
  return batch;
}

}  // namespace superpose::bench
