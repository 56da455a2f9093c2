// The head and loss under autocast, like a linear layer: hidden and weight in autocast's type (f64
// stays), the loss in f32. bag_embedding takes its arguments as they are, like an embedding.
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <tuple>

namespace superpose::ops {
namespace {

using LossAndCounts = std::tuple<at::Tensor, at::Tensor>;

// What is inside computes in the types that it is given.
template <c10::DeviceType kDevice>
LossAndCounts multi_hot(const at::Tensor& hidden, const at::Tensor& weight,
                        const at::Tensor& targets, const at::Tensor& slot_weights, double z_loss,
                        double logit_soft_cap, c10::SymInt num_valid_rows,
                        std::int64_t ignore_index) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("superpose::multi_hot_linear_cross_entropy", "")
          .typed<LossAndCounts(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                               const at::Tensor&, double, double, c10::SymInt, std::int64_t)>();
  const c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::autocast_dispatch_keyset);
  const at::ScalarType type = at::autocast::get_autocast_dtype(kDevice);
  return op.call(at::autocast::cached_cast(type, hidden, kDevice),
                 at::autocast::cached_cast(type, weight, kDevice), targets, slot_weights, z_loss,
                 logit_soft_cap, num_valid_rows, ignore_index);
}

}  // namespace

TORCH_LIBRARY_IMPL(superpose, AutocastCPU, m) {
  m.impl("multi_hot_linear_cross_entropy", &multi_hot<c10::DeviceType::CPU>);
}

TORCH_LIBRARY_IMPL(superpose, AutocastCUDA, m) {
  m.impl("multi_hot_linear_cross_entropy", &multi_hot<c10::DeviceType::CUDA>);
}

}  // namespace superpose::ops
