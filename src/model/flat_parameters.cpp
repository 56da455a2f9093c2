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

std::int64_t ParameterSpec::numel() const { return product(shape); }

std::int64_t Parameter::numel() const { return product(shape); }

FlatParameters::FlatParameters(const std::vector<UnitSpec>& units, at::Device device,
                               at::ScalarType compute_type, GradientBuffer gradients) {
  TORCH_CHECK_VALUE(compute_type == at::kFloat || compute_type == at::kBFloat16,
                    "FlatParameters: compute type must be float32 or bfloat16, got ", compute_type);
  for (const UnitSpec& unit : units) lay_out(unit);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  master_ = at::zeros({size_}, options);
  if (gradients == GradientBuffer::kAllocate) {
    std::int64_t num_sums = 0;
    for (const SumsSpec& sums : sums_list_) num_sums += sums.numel;
    gradient_with_mailbox_ = at::zeros({size_ + kMailbox + num_sums}, options);
    gradient_ = gradient_with_mailbox_.narrow(0, 0, size_);
    sums_ = gradient_with_mailbox_.narrow(0, size_ + kMailbox, num_sums);
    last_sums_ = at::zeros({num_sums}, options);
  }
  compute_ = compute_type == at::kFloat ? master_ : at::zeros({size_}, options.dtype(compute_type));
}

void FlatParameters::lay_out(const UnitSpec& spec) {
  Unit unit{.name = spec.name, .begin = size_};
  std::int64_t end = size_;
  for (const bool vectors : {false, true}) {
    end = aligned(end);
    if (vectors) unit.vectors = end;
    for (const ParameterSpec& weight : spec.weights) {
      if ((weight.role == Role::kVector) != vectors) continue;
      const std::int64_t offset = weight.joins_previous ? end : aligned(end);
      list_.push_back({weight.name, weight.shape, offset, weight.role, weight.init});
      end = offset + weight.numel();
      const bool is_new = index_.emplace(weight.name, list_.size() - 1).second;
      TORCH_CHECK_VALUE(is_new, "FlatParameters: names must differ, got ", weight.name, " twice");
    }
  }
  unit.end = size_ = aligned(end);
  units_.push_back(std::move(unit));
  sums_list_.insert(sums_list_.end(), spec.sums.begin(), spec.sums.end());
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

at::Tensor FlatParameters::sums_in(const at::Tensor& flat, std::string_view name) const {
  std::int64_t begin = 0;
  for (const SumsSpec& sums : sums_list_) {
    if (sums.name == name) return flat.defined() ? flat.narrow(0, begin, sums.numel) : flat;
    begin += sums.numel;
  }
  TORCH_CHECK_VALUE(false, "FlatParameters: no sums of the name ", std::string(name));
}

at::Tensor FlatParameters::sums(std::string_view name) const { return sums_in(sums_, name); }

at::Tensor FlatParameters::last_sums(std::string_view name) const {
  return sums_in(last_sums_, name);
}

void FlatParameters::keep_sums() { last_sums_.copy_(sums_); }

at::Tensor FlatParameters::view(std::string_view name) const { return shaped(master_, find(name)); }

at::Tensor FlatParameters::gradient_view(std::string_view name) const {
  const Parameter& parameter = find(name);
  return gradient_.defined() ? shaped(gradient_, parameter) : at::Tensor();
}

at::Tensor FlatParameters::compute_view(std::string_view name) const {
  const Parameter& parameter = find(name);
  return shaped(parameter.is_vector() ? master_ : compute_, parameter);
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
  return gradient_.defined() ? joined(gradient_, first, last) : at::Tensor();
}

at::Tensor FlatParameters::joined_compute_view(std::string_view first,
                                               std::string_view last) const {
  return joined(find(first).is_vector() ? master_ : compute_, first, last);
}

void FlatParameters::zero_gradient() { gradient_with_mailbox_.zero_(); }

at::Tensor FlatParameters::compute_copy() const {
  return compute_type() == at::kFloat ? at::Tensor() : compute_;
}

void FlatParameters::refresh_compute() {
  if (compute_type() != at::kFloat) compute_.copy_(master_);
}

}  // namespace superpose::model
