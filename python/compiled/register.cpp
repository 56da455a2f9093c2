#include <torch/csrc/stable/library.h>

#include "operators.h"

// Called below autograd, by the operators that the package superpose registers in Python.
STABLE_TORCH_LIBRARY(superpose_compiled, m) {
  m.def(
      "loss_rows(Tensor(a!) logits, Tensor targets, Tensor coefficients, float z_loss, float "
      "logit_soft_cap, int ignore_index, bool wants_grad) -> Tensor");
  m.def("mean_of_bags(Tensor weight, Tensor bags) -> Tensor");
  m.def("add_bag_gradient(Tensor grad, Tensor bags, Tensor(a!) total) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(superpose_compiled, CPU, m) {
  m.impl("loss_rows", TORCH_BOX(&superpose_compiled::loss_rows));
  m.impl("mean_of_bags", TORCH_BOX(&superpose_compiled::mean_of_bags));
  m.impl("add_bag_gradient", TORCH_BOX(&superpose_compiled::add_bag_gradient));
}
