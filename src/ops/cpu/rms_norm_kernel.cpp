#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "ops/cpu/decoder_kernels.h"
#include "ops/cpu/decoder_rows.h"
#include "ops/cpu/element_rows.h"
#include "ops/cpu/parallel.h"

namespace superpose::ops::cpu {
namespace {

// Rows whose weight gradients are summed by one thread; the parts are then added in order. A
// constant, so that the sum does not depend on the number of threads.
constexpr std::int64_t kRowsOfPart = 64;

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> add_rms_norm(
    const at::Tensor& x_in, const std::optional<at::Tensor>& delta_in, const at::Tensor& weight_in,
    double eps) {
  const at::Tensor x = x_in.contiguous();
  const at::Tensor delta = delta_in ? delta_in->contiguous() : at::Tensor();
  const at::Tensor weight = weight_in.contiguous();
  const std::int64_t width = x.size(1);
  at::Tensor sum = delta_in ? at::empty_like(x) : at::empty({0}, x.options());
  at::Tensor normed = at::empty_like(x);
  at::Tensor rstd = at::empty({x.size(0)}, weight.options());
  with_rows_of(x, [&]<class T>() {
    const auto rows = choose<T>(active_decoder_rows().norm_f32, active_decoder_rows().norm_bf16);
    at::parallel_for(0, x.size(0), row_grain(width), [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t first = begin * width;
      rows({.x = read<T>(x) + first,
            .delta = delta_in ? read<T>(delta) + first : nullptr,
            .weight = read<float>(weight),
            .sum = delta_in ? write<T>(sum) + first : nullptr,
            .normed = write<T>(normed) + first,
            .rstd = write<float>(rstd) + begin,
            .count = end - begin,
            .width = width,
            .eps = static_cast<float>(eps)});
    });
  });
  return {std::move(sum), std::move(normed), std::move(rstd)};
}

at::Tensor rms_norm_again(const at::Tensor& sum_in, const at::Tensor& weight_in,
                          const at::Tensor& rstd) {
  const at::Tensor sum = sum_in.contiguous();
  const at::Tensor weight = weight_in.contiguous();
  const std::int64_t width = sum.size(1);
  at::Tensor normed = at::empty_like(sum);
  with_rows_of(sum, [&]<class T>() {
    const auto rows =
        choose<T>(active_decoder_rows().norm_again_f32, active_decoder_rows().norm_again_bf16);
    at::parallel_for(0, sum.size(0), row_grain(width), [&](std::int64_t begin, std::int64_t end) {
      rows({.sum = read<T>(sum) + begin * width,
            .weight = read<float>(weight),
            .rstd = read<float>(rstd) + begin,
            .normed = write<T>(normed) + begin * width,
            .count = end - begin,
            .width = width});
    });
  });
  return normed;
}

at::Tensor add_rms_norm_backward(const at::Tensor& grad_normed_in,
                                 const std::optional<at::Tensor>& grad_sum_in,
                                 const at::Tensor& sum_in, const at::Tensor& weight_in,
                                 const at::Tensor& rstd,
                                 const std::optional<at::Tensor>& grad_weight) {
  const at::Tensor grad_normed = grad_normed_in.contiguous();
  const at::Tensor grad_sum = grad_sum_in ? grad_sum_in->contiguous() : at::Tensor();
  const at::Tensor sum = sum_in.contiguous();
  const at::Tensor weight = weight_in.contiguous();
  const std::int64_t count = sum.size(0);
  const std::int64_t width = sum.size(1);
  const std::int64_t num_parts = (count + kRowsOfPart - 1) / kRowsOfPart;
  at::Tensor grad_x = at::empty_like(sum);
  const at::Tensor parts = at::zeros({grad_weight ? num_parts : 0, width}, weight.options());
  with_rows_of(sum, [&]<class T>() {
    const auto rows =
        choose<T>(active_decoder_rows().norm_grad_f32, active_decoder_rows().norm_grad_bf16);
    at::parallel_for(
        0, num_parts, row_grain(width * kRowsOfPart), [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t part = begin; part < end; ++part) {
            const std::int64_t row = part * kRowsOfPart;
            const std::int64_t first = row * width;
            rows({.grad_normed = read<T>(grad_normed) + first,
                  .grad_sum = grad_sum_in ? read<T>(grad_sum) + first : nullptr,
                  .sum = read<T>(sum) + first,
                  .weight = read<float>(weight),
                  .rstd = read<float>(rstd) + row,
                  .grad_x = write<T>(grad_x) + first,
                  .grad_weight = grad_weight ? write<float>(parts) + part * width : nullptr,
                  .count = std::min(kRowsOfPart, count - row),
                  .width = width});
          }
        });
  });
  if (grad_weight) {
    const float* part = read<float>(parts);
    float* total = write<float>(*grad_weight);
    for (std::int64_t i = 0; i < num_parts * width; ++i) total[i % width] += part[i];
  }
  return grad_x;
}

}  // namespace superpose::ops::cpu
