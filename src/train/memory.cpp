#include "train/memory.h"

#include <algorithm>
#include <sstream>

#include "util/text.h"

namespace superpose::train {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

// What a run of a model of 25,000 weights holds; libtorch 2.13 for CPUs, Linux. bf16 products bring
// kernels that are made for them.
constexpr std::int64_t kProgram = 122 * kMiB;
constexpr std::int64_t kBf16Kernels = 9 * kMiB;

// Blocks go in another order than they came, and in other sizes: the heap grows by about this share
// of the activations. Measured, not derived: 0.4 to 0.6 in f32, 0.25 to 0.7 in bf16.
constexpr double kGapShareF32 = 0.5;
constexpr double kGapShareBf16 = 0.4;

// Linux maps as much around a page that is read.
constexpr std::int64_t kPagesAround = 64 * 1024;
constexpr std::int64_t kTokenBytes = 2;  // u16 in the shards
constexpr std::int64_t kIdBytes = 8;     // in a batch

// Pages of a mapped file of `tokens` that reading at `places` positions maps.
std::int64_t mapped(std::int64_t tokens, std::int64_t read_tokens, std::int64_t places) {
  return std::min(tokens * kTokenBytes, read_tokens * kTokenBytes + places * kPagesAround);
}

}  // namespace

model::MemoryRequest request_of(std::span<const superposition::Phase> phases, std::int64_t rows,
                                const superposition::StepSize& run) {
  model::MemoryRequest request;
  for (const superposition::Phase& phase : phases) {
    request.sequence_length =
        std::max(request.sequence_length, superposition::size_of(phase, run).sequence_length);
    request.bag_size = std::max(request.bag_size, phase.bags.bag_size);
    request.target_size = std::max(request.target_size, phase.bags.target_size);
    request.objectives.push_back(
        &model::find_objective(superposition::traits_of(phase.objective).name));
  }
  request.rows = std::max<std::int64_t>(1, rows * run.sequence_length / request.sequence_length);
  return request;
}

MemoryPlan plan_memory(const MemoryInputs& inputs) {
  const model::MemoryRequest& request = inputs.request;
  MemoryPlan plan;
  plan.program = kProgram + (request.bf16 ? kBf16Kernels : 0);
  plan.state = inputs.model.parameters + inputs.model.gradients + inputs.optimizer;
  plan.activations = inputs.model.activations;
  plan.gaps = static_cast<std::int64_t>((request.bf16 ? kGapShareBf16 : kGapShareF32) *
                                        static_cast<double>(plan.activations));
  // One in use and one being cut, in addition to those that wait.
  plan.batches = (inputs.prefetch + 2) * inputs.rows_per_step * request.sequence_length *
                 (request.bag_size + request.target_size) * kIdBytes;
  const std::int64_t windows = inputs.validation_windows;
  plan.corpus = mapped(inputs.train_tokens, inputs.raw_tokens,
                       std::min(inputs.lanes, inputs.steps * inputs.rows_per_step)) +
                mapped(inputs.validation_tokens, windows * request.sequence_length, windows);
  return plan;
}

std::string describe(const MemoryPlan& memory) {
  const auto bytes = [](std::int64_t count) {
    return util::format_bytes(static_cast<std::uint64_t>(count));
  };
  std::ostringstream text;
  text << "about " << bytes(memory.total()) << " per rank: " << bytes(memory.program)
       << " program and libtorch, " << bytes(memory.state) << " weights and optimizer, "
       << bytes(memory.activations) << " activations, " << bytes(memory.gaps) << " allocator gaps, "
       << bytes(memory.corpus + memory.batches) << " corpus";
  return text.str();
}

}  // namespace superpose::train
