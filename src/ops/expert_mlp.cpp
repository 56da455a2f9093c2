#include "ops/expert_mlp.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "ops/below_autograd.h"
#include "ops/checks.h"
#include "ops/cpu/expert_mlp_kernel.h"
#include "ops/cpu/products.h"
#include "ops/routing.h"

namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<at::Tensor>;

constexpr const char* kName = "expert_mlp_accumulate";

// Calls `work(expert, rows)` for each expert that has packed rows; `rows` cuts its own out of a
// packed tensor.
template <class Work>
void for_each_expert(const std::vector<std::int64_t>& begins, const Work& work) {
  for (std::size_t e = 0; e + 1 < begins.size(); ++e) {
    const std::int64_t begin = begins[e];
    const std::int64_t count = begins[e + 1] - begin;
    if (count == 0) continue;
    work(static_cast<std::int64_t>(e),
         [begin, count](const at::Tensor& packed) { return packed.narrow(0, begin, count); });
  }
}

// Sum over a position's packed rows, each times its share where there are shares.
at::Tensor gathered(const at::Tensor& packed, const at::Tensor& rows, const OptionalTensor& shares,
                    at::ScalarType type) {
  at::Tensor sum;
  for (std::int64_t j = 0; j < rows.size(1); ++j) {
    at::Tensor part = packed.index_select(0, rows.select(1, j)).to(accumulate_type(type));
    if (shares) part.mul_(shares->narrow(1, j, 1));
    sum = j == 0 ? part : sum.add_(part);
  }
  return sum.to(type);
}

// {y, gate and up of each pair}: one product after the other, each through its own call.
std::tuple<at::Tensor, at::Tensor> forward_composite(const at::Tensor& x, const at::Tensor& shares,
                                                     const PackedPairs& packed,
                                                     const cpu::ExpertMatrices& weights) {
  const at::Tensor in = x.index_select(0, packed.positions);  // [P, D]
  at::Tensor gate_up = at::empty({in.size(0), weights.gate_up.size(1)}, x.options());
  for_each_expert(packed.begins, [&](std::int64_t e, const auto& rows) {
    cpu::times_transposed_out(rows(in), weights.gate_up[e], rows(gate_up));
  });
  const at::Tensor hidden = swiglu_forward(gate_up);  // [P, F]
  const at::Tensor out = at::empty_like(in);
  for_each_expert(packed.begins, [&](std::int64_t e, const auto& rows) {
    cpu::times_transposed_out(rows(hidden), weights.down[e], rows(out));
  });
  return {gathered(out, packed.rows, shares, x.scalar_type()), std::move(gate_up)};
}

// {gradient of x, gradient of shares}.
std::tuple<at::Tensor, at::Tensor> backward_composite(const at::Tensor& grad_y, const at::Tensor& x,
                                                      const at::Tensor& shares,
                                                      const PackedPairs& packed,
                                                      const at::Tensor& gate_up,
                                                      const cpu::ExpertMatrices& weights,
                                                      const cpu::ExpertBuffers& buffers) {
  const at::Tensor share = shares.flatten().index_select(0, packed.pairs).unsqueeze(1);  // [P, 1]

  const at::Tensor grad = grad_y.index_select(0, packed.positions);  // [P, D], without the share
  const at::Tensor hidden = swiglu_forward(gate_up);                 // [P, F]
  const at::Tensor grad_hidden = at::empty_like(hidden);
  for_each_expert(packed.begins, [&](std::int64_t e, const auto& rows) {
    cpu::times_out(rows(grad), weights.down[e], rows(grad_hidden));
  });
  // The output's product with its gradient, taken before `down`: y . g = (W h) . g = h . (W^T g).
  const at::ScalarType wide = accumulate_type(x.scalar_type());
  const at::Tensor grad_share = (grad_hidden.to(wide) * hidden.to(wide)).sum(1);  // [P]
  if (buffers.down) {
    const at::Tensor scaled = (hidden * share).to(x.scalar_type());
    for_each_expert(packed.begins, [&](std::int64_t e, const auto& rows) {
      add_weight_gradient(rows(grad), rows(scaled), (*buffers.down)[e]);
    });
  }
  const at::Tensor grad_gate_up =
      swiglu_backward((grad_hidden * share).to(x.scalar_type()), gate_up);  // [P, 2 F]
  if (buffers.gate_up) {
    const at::Tensor in = x.index_select(0, packed.positions);
    for_each_expert(packed.begins, [&](std::int64_t e, const auto& rows) {
      add_weight_gradient(rows(grad_gate_up), rows(in), (*buffers.gate_up)[e]);
    });
  }
  const at::Tensor grad_in = at::empty_like(grad);
  for_each_expert(packed.begins, [&](std::int64_t e, const auto& rows) {
    cpu::times_out(rows(grad_gate_up), weights.gate_up[e], rows(grad_in));
  });
  return {gathered(grad_in, packed.rows, std::nullopt, x.scalar_type()),
          grad_share.index_select(0, packed.rows.flatten()).view_as(shares)};
}

class ExpertMlp : public torch::autograd::Function<ExpertMlp> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*anchor*/,
                            const at::Tensor& x, const at::Tensor& shares,
                            const at::Tensor& experts, const at::Tensor& gate_up_weight,
                            const at::Tensor& down_weight, const OptionalTensor& grad_gate_up,
                            const OptionalTensor& grad_down) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    if (x.is_meta()) return at::empty_like(x);
    const PackedPairs packed = pack_by_expert(experts, gate_up_weight.size(0));
    const cpu::ExpertMatrices weights{gate_up_weight, down_weight};
    auto [y, gate_up] = cpu::has_expert_mlp(x, weights)
                            ? cpu::expert_mlp(x, shares, packed, weights)
                            : forward_composite(x, shares, packed, weights);
    context->save_for_backward({x, shares, gate_up, packed.positions, packed.pairs, packed.rows,
                                gate_up_weight, down_weight});
    // Not saved variables: the buffers are written to between forward and backward.
    context->saved_data["grad_gate_up"] = grad_gate_up;
    context->saved_data["grad_down"] = grad_down;
    context->saved_data["begins"] = packed.begins;
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative(kName);
    const variable_list saved = context->get_saved_variables();
    const PackedPairs packed{saved[3], saved[4], saved[5],
                             context->saved_data["begins"].toIntVector()};
    const cpu::ExpertMatrices weights{saved[6], saved[7]};
    const cpu::ExpertBuffers buffers{context->saved_data["grad_gate_up"].toOptional<at::Tensor>(),
                                     context->saved_data["grad_down"].toOptional<at::Tensor>()};
    const auto run =
        cpu::has_expert_mlp(saved[0], weights) ? cpu::expert_mlp_backward : backward_composite;
    variable_list result(8);
    std::tie(result[1], result[2]) =
        run(grads[0], saved[0], saved[1], packed, saved[2], weights, buffers);
    return result;
  }
};

void check(const at::Tensor& x, const at::Tensor& experts, const at::Tensor& shares,
           const ExpertWeights& weights) {
  check_floating(kName, "x", x);
  check_int64(kName, "experts", experts);
  TORCH_CHECK_VALUE(x.dim() == 2, kName, ": expected x [N, D], got ", x.sizes());
  TORCH_CHECK_VALUE(experts.dim() == 2 && experts.size(0) == x.size(0) && experts.size(1) >= 1,
                    kName, ": expected experts [", x.size(0), ", k], got ", experts.sizes());
  const at::ScalarType wide = accumulate_type(x.scalar_type());
  TORCH_CHECK_VALUE(shares.scalar_type() == wide && shares.sizes() == experts.sizes(), kName,
                    ": expected shares ", experts.sizes(), " of type ", wide, ", got ",
                    shares.sizes(), " of type ", shares.scalar_type());
  for (const auto& [name, weight] :
       {std::pair("gate_up", weights.gate_up), std::pair("down", weights.down)}) {
    TORCH_CHECK_VALUE(weight.scalar_type() == x.scalar_type(), kName, ": expected ", name,
                      " of type ", x.scalar_type(), " like x, got ", weight.scalar_type());
    check_device(kName, name, weight, x);
  }
  TORCH_CHECK_VALUE(weights.gate_up.dim() == 3 && weights.gate_up.size(2) == x.size(1) &&
                        weights.gate_up.size(1) % 2 == 0,
                    kName, ": expected gate_up [E, 2 F, ", x.size(1), "], got ",
                    weights.gate_up.sizes());
  const std::vector<std::int64_t> down = {weights.gate_up.size(0), x.size(1),
                                          weights.gate_up.size(1) / 2};
  TORCH_CHECK_VALUE(weights.down.sizes() == at::IntArrayRef(down), kName, ": expected down ",
                    at::IntArrayRef(down), ", got ", weights.down.sizes());
  check_grad_weight(kName, weights.grad_gate_up, weights.gate_up);
  check_grad_weight(kName, weights.grad_down, weights.down);
}

}  // namespace

at::Tensor expert_mlp_accumulate(const at::Tensor& x, const at::Tensor& experts,
                                 const at::Tensor& shares, const ExpertWeights& weights) {
  check(x, experts, shares, weights);
  return ExpertMlp::apply(make_anchor(weights.gate_up, weights.grad_gate_up), x, shares, experts,
                          weights.gate_up.detach(), weights.down.detach(),
                          if_defined(weights.grad_gate_up), if_defined(weights.grad_down));
}

}  // namespace superpose::ops
