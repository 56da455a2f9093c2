#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

namespace superpose::ops::cpu {

// CPU forms of causal attention for f32 and bf16; arguments as in the operators' schemas, checked
// by the public function. bf16 is widened first, so that every product, sum and exponential is in
// f32. The same bits for any number of threads.

std::tuple<at::Tensor, at::Tensor> causal_attention(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v,
                                                    const std::optional<at::Tensor>& starts);

std::tuple<at::Tensor, at::Tensor, at::Tensor> causal_attention_backward(
    const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const std::optional<at::Tensor>& starts, const at::Tensor& out, const at::Tensor& logsumexp);

}  // namespace superpose::ops::cpu
