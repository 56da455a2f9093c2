// CPU forms of the decoder layer's element-wise operators and of AdamW, for f32 and bf16 (AdamW:
// f32): they cut the work into ranges of rows and call the kernels of the instruction set in force.
// Arguments as in the operators' schemas, checked by the public functions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <tuple>

#include "ops/adamw.h"

namespace superpose::ops::cpu {

// Whether these forms take tensors of that type.
inline bool has_rows(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& x,
                                                            const std::optional<at::Tensor>& delta,
                                                            const at::Tensor& weight, double eps);
at::Tensor rms_norm_again(const at::Tensor& sum, const at::Tensor& weight, const at::Tensor& rstd);
at::Tensor add_rms_norm_backward(const at::Tensor& grad_normed,
                                 const std::optional<at::Tensor>& grad_sum, const at::Tensor& sum,
                                 const at::Tensor& weight, const at::Tensor& rstd,
                                 const std::optional<at::Tensor>& grad_weight);

std::tuple<at::Tensor, at::Tensor, at::Tensor> rotary_heads(
    const at::Tensor& qkv, const at::Tensor& cosines, const at::Tensor& sines,
    std::int64_t num_heads, std::int64_t num_kv_heads, const std::optional<at::Tensor>& q_weight,
    const std::optional<at::Tensor>& k_weight, double eps);
at::Tensor rotary_heads_backward(const at::Tensor& grad_q, const at::Tensor& grad_k,
                                 const at::Tensor& grad_v, const std::optional<at::Tensor>& qkv,
                                 const at::Tensor& cosines, const at::Tensor& sines,
                                 const std::optional<at::Tensor>& q_weight,
                                 const std::optional<at::Tensor>& k_weight, double eps,
                                 const std::optional<at::Tensor>& grad_q_weight,
                                 const std::optional<at::Tensor>& grad_k_weight);

at::Tensor swiglu(const at::Tensor& gate_up);
at::Tensor swiglu_backward(const at::Tensor& grad, const at::Tensor& gate_up);

void adamw_update(const at::Tensor& parameter, const at::Tensor& gradient,
                  const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq, const AdamWStep& step,
                  const at::Tensor& copy);

}  // namespace superpose::ops::cpu
