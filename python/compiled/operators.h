// The operators as PyTorch's stable interface passes them. All tensors are on the CPU and contiguous,
// f32 or bf16 unless said otherwise; values are checked by the package superpose, shapes here.
//
// Legend: R rows, V vocabulary rows, D width, s ids of a bag or targets of a row, B bags.
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>

namespace superpose_compiled {

using torch::stable::Tensor;

// Loss of each row and the gradient in place of its logits, as composed.loss_rows of the package.
//
//   logits        [R, V]  overwritten
//   targets       [R, s]  int64, in [0, V) or ignore_index
//   coefficients  [s]     f32: w_i / n_i
//   returns       [R]     f32
Tensor loss_rows(Tensor logits, Tensor targets, Tensor coefficients, double z_loss,
                 double logit_soft_cap, std::int64_t ignore_index, bool wants_grad);

// weight [V, D], bags [B, s] int64 with -1 for padding -> mean of the rows of each bag, [B, D].
Tensor mean_of_bags(Tensor weight, Tensor bags);

// total [V, D] f32 += the gradient of the weight for that of the means, grad [B, D].
void add_bag_gradient(Tensor grad, Tensor bags, Tensor total);

}  // namespace superpose_compiled
