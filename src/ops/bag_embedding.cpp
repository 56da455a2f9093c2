#include "ops/bag_embedding.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/bag_embedding_fallback.h"
#include "ops/checks.h"
#include "ops/cpu/bag_embedding_kernel.h"

// Legend: V vocabulary rows, D width, B batch, L positions, s tokens per bag.
namespace superpose::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kName = "bag_embedding";

// ---- Registered operators, called below autograd ----

at::Tensor call_forward(const at::Tensor& weight, const at::Tensor& ids) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("superpose::_bag_embedding_forward", "")
                             .typed<at::Tensor(const at::Tensor&, const at::Tensor&)>();
  return op.call(weight, ids);
}

at::Tensor call_backward(const at::Tensor& grad, const at::Tensor& ids,
                         const c10::SymInt& num_rows) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::_bag_embedding_backward", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, c10::SymInt)>();
  return op.call(grad, ids, num_rows);
}

void call_add_gradient(const at::Tensor& grad, const at::Tensor& ids,
                       const at::Tensor& grad_weight) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::_bag_embedding_add_gradient", "")
          .typed<void(const at::Tensor&, const at::Tensor&, const at::Tensor&)>();
  op.call(grad, ids, grad_weight);
}

// ---- Autograd ----

// The gradient with respect to the weight, as a function of its own: it is linear in `grad`, so its
// derivative is the forward operator again.
class BagEmbeddingBackward : public torch::autograd::Function<BagEmbeddingBackward> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& grad, const at::Tensor& ids,
                            const c10::SymInt& num_rows) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({ids});
    return call_backward(grad, ids, num_rows);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    return {bag_embedding(grads[0], context->get_saved_variables()[0]), {}, {}};
  }
};

class BagEmbedding : public torch::autograd::Function<BagEmbedding> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& weight,
                            const at::Tensor& ids) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({ids});
    context->saved_data["num_rows"] = weight.sym_size(0);
    return call_forward(weight, ids);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const at::Tensor ids = context->get_saved_variables()[0];
    const c10::SymInt num_rows = context->saved_data["num_rows"].toSymInt();
    return {BagEmbeddingBackward::apply(grads[0], ids, num_rows), {}};
  }
};

class BagEmbeddingAccumulate : public torch::autograd::Function<BagEmbeddingAccumulate> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*anchor*/,
                            const at::Tensor& weight, const at::Tensor& ids,
                            const at::Tensor& grad_weight) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({ids});
    // Not a saved variable: the buffer is written to between forward and backward, and that is
    // meant.
    context->saved_data["grad_weight"] = grad_weight;
    return call_forward(weight, ids);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_derivative("bag_embedding_accumulate");
    call_add_gradient(grads[0], context->get_saved_variables()[0],
                      context->saved_data["grad_weight"].toTensor());
    return {{}, {}, {}, {}};
  }
};

// ---- Any device, CPU and meta ----

at::Tensor backward_on_any_device(const at::Tensor& grad, const at::Tensor& ids,
                                  c10::SymInt num_rows) {
  const at::ScalarType type = accumulate_type(grad.scalar_type());
  const at::Tensor grad_weight =
      at::zeros_symint({num_rows, grad.sym_size(2)}, grad.options().dtype(type));  // [V, D]
  call_add_gradient(grad, ids, grad_weight);
  return grad_weight.to(grad.scalar_type());
}

at::Tensor cpu_forward(const at::Tensor& weight, const at::Tensor& ids) {
  return weight.scalar_type() == at::kDouble ? bag_embedding_fallback_forward(weight, ids)
                                             : cpu::bag_embedding_forward(weight, ids);
}

void cpu_add_gradient(const at::Tensor& grad, const at::Tensor& ids,
                      const at::Tensor& grad_weight) {
  if (grad.scalar_type() == at::kDouble) {
    bag_embedding_fallback_add_gradient(grad, ids, grad_weight);
  } else {
    cpu::bag_embedding_add_gradient(grad, ids, grad_weight);
  }
}

at::Tensor meta_forward(const at::Tensor& weight, const at::Tensor& ids) {
  return at::empty_symint({ids.sym_size(0), ids.sym_size(1), weight.sym_size(1)}, weight.options());
}

void meta_add_gradient(const at::Tensor&, const at::Tensor&, const at::Tensor&) {}

void check_arguments(const at::Tensor& weight, const at::Tensor& ids) {
  check_floating(kName, "weight", weight);
  check_int64(kName, "ids", ids);
  check_device(kName, "ids", ids, weight);
  TORCH_CHECK_VALUE(weight.dim() == 2 && weight.sym_size(1) >= 1, kName,
                    ": expected weight [V, D], got ", weight.sym_sizes());
  TORCH_CHECK_VALUE(ids.dim() == 3 && ids.sym_size(2) >= 1, kName,
                    ": expected ids [B, L, s] with s >= 1, got ", ids.sym_sizes());
}

}  // namespace

at::Tensor bag_embedding(const at::Tensor& weight, const at::Tensor& ids) {
  check_arguments(weight, ids);
  return BagEmbedding::apply(weight, ids);
}

at::Tensor bag_embedding_accumulate(const at::Tensor& weight, const at::Tensor& ids,
                                    const at::Tensor& grad_weight) {
  check_arguments(weight, ids);
  check_grad_weight("bag_embedding_accumulate", grad_weight, weight);
  const at::Tensor anchor = make_anchor(weight, grad_weight);
  if (!anchor.requires_grad()) return call_forward(weight.detach(), ids);
  return BagEmbeddingAccumulate::apply(anchor, weight.detach(), ids, grad_weight);
}

// The public operator is its C++ function, composed of the registered ones: so no back end can miss
// a check.
TORCH_LIBRARY_FRAGMENT(superpose, m) {
  m.def("bag_embedding(Tensor weight, Tensor ids) -> Tensor", &bag_embedding);
  m.def("_bag_embedding_forward(Tensor weight, Tensor ids) -> Tensor");
  m.def("_bag_embedding_backward(Tensor grad, Tensor ids, SymInt num_rows) -> Tensor");
  m.def("_bag_embedding_add_gradient(Tensor grad, Tensor ids, Tensor(a!) grad_weight) -> ()");
}

TORCH_LIBRARY_IMPL(superpose, CompositeExplicitAutograd, m) {
  m.impl("_bag_embedding_forward", &bag_embedding_fallback_forward);
  m.impl("_bag_embedding_backward", &backward_on_any_device);
  m.impl("_bag_embedding_add_gradient", &bag_embedding_fallback_add_gradient);
}

TORCH_LIBRARY_IMPL(superpose, CPU, m) {
  m.impl("_bag_embedding_forward", &cpu_forward);
  m.impl("_bag_embedding_add_gradient", &cpu_add_gradient);
}

TORCH_LIBRARY_IMPL(superpose, Meta, m) {
  m.impl("_bag_embedding_forward", &meta_forward);
  m.impl("_bag_embedding_add_gradient", &meta_add_gradient);
}

}  // namespace superpose::ops
