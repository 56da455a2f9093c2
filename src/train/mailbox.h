// What ranks tell each other in addition to the gradients, in the same collective: the floats
// behind the gradient buffer, which are summed like it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace superpose::train {

// Summed over ranks. Integers travel as 16-bit parts, so that their sums are exact in f32 for up to
// 256 ranks.
struct Mail {
  float loss = 0;
  std::int64_t stop_votes = 0;
  std::uint64_t raw_tokens = 0;
  std::uint64_t ids_hash = 0;  // modulo 2^64
};

// Writes all but the loss, which accumulates in mailbox[0] where it is computed.
void put_mail(const at::Tensor& mailbox, const Mail& mail);

// Reads what the sum over ranks has left there; waits for the device once.
Mail take_mail(const at::Tensor& mailbox);

}  // namespace superpose::train
