// Norm of all gradients, and the factor that clips them.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::optim {

// 2-norm of a flat f32 tensor, squares and sums in f64. On CPU the order of the sum depends on the
// length alone: the same bits for any number of threads. Not finite exactly where an element is
// not. Reads the result back, so on an accelerator it waits for the device; the meta device has no
// value and throws.
double gradient_norm(const at::Tensor& gradient);

// min(1, clip_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_; 1 where clip_norm is 0 (no
// clipping).
double clip_scale(double norm, double clip_norm);

}  // namespace superpose::optim
