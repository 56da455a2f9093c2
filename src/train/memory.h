// What a rank of a run holds at its peak, before anything is built for it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "model/accounting.h"
#include "superposition/phases.h"

namespace superpose::train {

// The longest rows, largest bag and targets of a run's phases, and their objectives; the rest at
// its defaults. `rows` rows of the run's own length, or as many positions, go through the model at
// once.
model::MemoryRequest request_of(std::span<const superposition::Phase> phases, std::int64_t rows,
                                const superposition::StepSize& run);

// Bytes by what they are for. An estimate of the peak that the system shows as the process's
// resident memory (VmHWM); measured runs lie within about a tenth of it.
struct MemoryPlan {
  std::int64_t program = 0;      // this program and libtorch: code, tables, threads
  std::int64_t state = 0;        // weights, gradients, optimizer
  std::int64_t activations = 0;  // of a micro-batch, with the head's scratch
  std::int64_t gaps = 0;         // of the heap, between the activations
  std::int64_t batches = 0;      // read ahead
  std::int64_t corpus = 0;       // pages of the mapped shards; given back where memory is short
  std::int64_t total() const { return program + state + activations + gaps + batches + corpus; }
};

struct MemoryInputs {
  model::MemoryEstimate model;
  std::int64_t optimizer = 0;  // bytes of its states
  model::MemoryRequest request;
  std::int64_t rows_per_step = 1;  // of this rank
  std::int64_t steps = 0;
  std::int64_t prefetch = 1;    // batches
  std::int64_t raw_tokens = 0;  // that this rank reads in all
  std::int64_t lanes = 1;
  std::int64_t train_tokens = 0;       // of the corpus
  std::int64_t validation_tokens = 0;  // of the corpus
  std::int64_t validation_windows = 0;
};
MemoryPlan plan_memory(const MemoryInputs& inputs);

// "about 290 MiB per rank: 124 MiB program and libtorch, ..."
std::string describe(const MemoryPlan& memory);

}  // namespace superpose::train
