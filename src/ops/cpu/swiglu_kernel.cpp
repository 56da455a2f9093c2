#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "ops/cpu/decoder_kernels.h"
#include "ops/cpu/decoder_rows.h"
#include "ops/cpu/element_rows.h"
#include "ops/cpu/parallel.h"

namespace superpose::ops::cpu {

at::Tensor swiglu(const at::Tensor& gate_up_in) {
  const at::Tensor gate_up = gate_up_in.contiguous();
  const std::int64_t width = gate_up.size(1) / 2;
  at::Tensor out = at::empty({gate_up.size(0), width}, gate_up.options());
  with_rows_of(gate_up, [&]<class T>() {
    const auto row = choose<T>(active_decoder_rows().swiglu_f32, active_decoder_rows().swiglu_bf16);
    at::parallel_for(
        0, gate_up.size(0), row_grain(4 * width), [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) {
            row({read<T>(gate_up) + i * 2 * width, nullptr, write<T>(out) + i * width, width});
          }
        });
  });
  return out;
}

at::Tensor swiglu_backward(const at::Tensor& grad_in, const at::Tensor& gate_up_in) {
  const at::Tensor gate_up = gate_up_in.contiguous();
  const at::Tensor grad = grad_in.contiguous();
  const std::int64_t width = grad.size(1);
  at::Tensor out = at::empty_like(gate_up);
  with_rows_of(gate_up, [&]<class T>() {
    const auto row =
        choose<T>(active_decoder_rows().swiglu_grad_f32, active_decoder_rows().swiglu_grad_bf16);
    at::parallel_for(0, gate_up.size(0), row_grain(4 * width),
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t i = begin; i < end; ++i) {
                         const std::int64_t first = i * 2 * width;
                         row({read<T>(gate_up) + first, read<T>(grad) + i * width,
                              write<T>(out) + first, width});
                       }
                     });
  });
  return out;
}

}  // namespace superpose::ops::cpu
