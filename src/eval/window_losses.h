// Losses of single tokens of many windows, shared out over the ranks: for the final score and the
// copying probe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "distributed/collective.h"
#include "model/decoder.h"

namespace superpose::eval {

// Positions that go through the decoder at once: enough to fill the cores, little memory.
inline constexpr std::int64_t kGroupPositions = 4096;

// Next-token losses of rows that are one text each.
//
//   ids      [W, L + 1]  int64, on the CPU
//   returns  [W, L]      f32, on the CPU, nats: of ids[w, j + 1] given ids[w, 0 .. j]; on every
//                        rank, with the same bits for any number of ranks
at::Tensor window_losses(const model::Decoder& decoder, const at::Tensor& ids,
                         distributed::Collective& collective);

}  // namespace superpose::eval
