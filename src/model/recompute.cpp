#include "model/recompute.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <utility>

namespace superpose::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// So that a context can hold the function.
struct HeldLayer : torch::CustomClassHolder {
  explicit HeldLayer(LayerFunction function) : layer(std::move(function)) {}
  LayerFunction layer;
};

// The same values as the start of a graph of their own.
at::Tensor as_leaf(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.detach().requires_grad_() : tensor;
}

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& sum,
                               const std::optional<at::Tensor>& update,
                               const LayerFunction& layer) {
    context->save_for_backward({sum, update.value_or(at::Tensor())});
    context->saved_data["layer"] = c10::IValue::make_capsule(c10::make_intrusive<HeldLayer>(layer));
    Residual out = layer({sum, update.value_or(at::Tensor())});  // grad mode is off here
    return {std::move(out.sum), std::move(out.update)};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const auto held =
        c10::static_intrusive_pointer_cast<HeldLayer>(context->saved_data["layer"].toCapsule());
    const Residual in{as_leaf(saved[0]), as_leaf(saved[1])};
    Residual out;
    {
      const c10::AutoGradMode with_graph(true);
      out = held->layer(in);
    }
    torch::autograd::backward({out.sum, out.update}, {grads[0], grads[1]});
    return {in.sum.grad(), in.update.defined() ? in.update.grad() : at::Tensor(), at::Tensor()};
  }
};

}  // namespace

Residual recomputed(const LayerFunction& layer, const Residual& in) {
  const auto update = in.update.defined() ? std::optional<at::Tensor>(in.update) : std::nullopt;
  variable_list out = Recomputed::apply(in.sum, update, layer);
  return {std::move(out[0]), std::move(out[1])};
}

}  // namespace superpose::model
