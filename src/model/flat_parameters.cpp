#include "model/flat_parameters.h"

#include <ATen/ops/zeros.h>

namespace superpose::model {
namespace {

constexpr std::int64_t kAlignment = 32;  // elements

std::int64_t aligned(std::int64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  return elements;
}

at::Tensor shaped(const at::Tensor& flat, const Parameter& parameter) {
  return flat.narrow(0, parameter.offset, parameter.numel()).view(parameter.shape);
}

}  // namespace

std::int64_t Parameter::numel() const { return product(shape); }

FlatParameters::FlatParameters(const std::vector<ParameterSpec>& specs, at::Device device,
                               at::ScalarType compute_type) {
  TORCH_CHECK_VALUE(compute_type == at::kFloat || compute_type == at::kBFloat16,
                    "FlatParameters: compute type must be float32 or bfloat16, got ", compute_type);
  std::int64_t end = 0;
  for (const bool decays : {true, false}) {
    end = aligned(end);
    for (const ParameterSpec& spec : specs) {
      if (spec.decays != decays) continue;
      const std::int64_t offset = spec.joins_previous ? end : aligned(end);
      list_.push_back({spec.name, spec.shape, offset, spec.decays});
      end = offset + product(spec.shape);
      const bool is_new = index_.emplace(spec.name, list_.size() - 1).second;
      TORCH_CHECK_VALUE(is_new, "FlatParameters: names must differ, got ", spec.name, " twice");
    }
    if (decays) num_decayed_ = aligned(end);
  }
  size_ = aligned(end);

  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  master_ = at::zeros({size_}, options);
  gradient_with_mailbox_ = at::zeros({size_ + kMailbox}, options);
  gradient_ = gradient_with_mailbox_.narrow(0, 0, size_);
  compute_ =
      compute_type == at::kFloat ? master_ : at::zeros({num_decayed_}, options.dtype(compute_type));
}

const Parameter& FlatParameters::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  TORCH_CHECK_VALUE(found != index_.end(), "FlatParameters: no weight of the name ",
                    std::string(name));
  return list_[found->second];
}

at::Tensor FlatParameters::mailbox() const {
  return gradient_with_mailbox_.narrow(0, size_, kMailbox);
}

at::Tensor FlatParameters::view(std::string_view name) const { return shaped(master_, find(name)); }

at::Tensor FlatParameters::gradient_view(std::string_view name) const {
  return shaped(gradient_, find(name));
}

at::Tensor FlatParameters::compute_view(std::string_view name) const {
  const Parameter& parameter = find(name);
  return shaped(parameter.decays ? compute_ : master_, parameter);
}

at::Tensor FlatParameters::joined(const at::Tensor& flat, std::string_view first,
                                  std::string_view last) const {
  Parameter whole = find(first);
  const Parameter& final = find(last);
  const std::int64_t elements = final.offset + final.numel() - whole.offset;
  const std::int64_t row = whole.numel() / whole.shape[0];
  TORCH_CHECK_VALUE(elements > 0 && elements % row == 0, "FlatParameters: ", whole.name, " and ",
                    final.name, " are not stored side by side");
  whole.shape[0] = elements / row;
  return shaped(flat, whole);
}

at::Tensor FlatParameters::joined_gradient_view(std::string_view first,
                                                std::string_view last) const {
  return joined(gradient_, first, last);
}

at::Tensor FlatParameters::joined_compute_view(std::string_view first,
                                               std::string_view last) const {
  return joined(find(first).decays ? compute_ : master_, first, last);
}

void FlatParameters::zero_gradient() { gradient_with_mailbox_.zero_(); }

at::Tensor FlatParameters::compute_copy() const {
  return compute_type() == at::kFloat ? at::Tensor() : compute_;
}

void FlatParameters::refresh_compute() {
  if (compute_type() != at::kFloat) compute_.copy_(master_.narrow(0, 0, num_decayed_));
}

}  // namespace superpose::model
