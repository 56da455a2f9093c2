// Causal attention on CPU, forward and backward, in f32 and bf16.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

namespace superpose::ops::cpu {

// CPU forms of causal attention for f32 and bf16; arguments as in the operators' schemas, checked
// by the public function. The same bits for any number of threads.

// Every product, sum and exponential in f32; bf16 is widened first.

std::tuple<at::Tensor, at::Tensor> causal_attention(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v,
                                                    const std::optional<at::Tensor>& starts);

std::tuple<at::Tensor, at::Tensor, at::Tensor> causal_attention_backward(
    const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const std::optional<at::Tensor>& starts, const at::Tensor& out, const at::Tensor& logsumexp);

// bf16 alone, through products of bf16 with sums in f32 (bf16_products.h says where they run).
// Scores, exponentials and all sums are in f32; exponentials and the gradients of scores are
// rounded to bf16 where they become operands.
std::tuple<at::Tensor, at::Tensor> causal_attention_bf16(const at::Tensor& q, const at::Tensor& k,
                                                         const at::Tensor& v,
                                                         const std::optional<at::Tensor>& starts);

std::tuple<at::Tensor, at::Tensor, at::Tensor> causal_attention_bf16_backward(
    const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const std::optional<at::Tensor>& starts, const at::Tensor& out, const at::Tensor& logsumexp);

}  // namespace superpose::ops::cpu
