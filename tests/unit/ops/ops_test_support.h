// Tensors, widths and instruction sets for the tests of the operators.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ops/kernels.h"

namespace superpose::ops::test {

// Distance from 1 to the next number of the type.
inline double epsilon(at::ScalarType type) {
  return type == at::kDouble ? 0x1p-52 : type == at::kFloat ? 0x1p-23 : 0x1p-7;
}

inline double max_abs(const at::Tensor& tensor) {
  return tensor.numel() == 0 ? 0 : tensor.detach().abs().max().item<double>();
}

inline double difference(const at::Tensor& actual, const at::Tensor& expected) {
  return max_abs(actual.detach().to(at::kDouble) - expected.detach().to(at::kDouble));
}

// Uniform in [-1, 1), the same in every run.
inline at::Tensor uniform(at::IntArrayRef shape, at::ScalarType type, std::uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::rand(shape, generator, at::kDouble).mul_(2).sub_(1).to(type);
}

inline at::Tensor integers(std::int64_t high, at::IntArrayRef shape, std::uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randint(0, high, shape, generator, at::kLong);
}

inline at::Tensor leaf(const at::Tensor& tensor) {
  return tensor.detach().clone().set_requires_grad(true);
}

// Runs `body` once for every level of the kernels that this CPU has.
template <class Body>
void for_each_isa(const Body& body) {
  for (const std::string& level : available_isa_levels()) {
    SCOPED_TRACE(level);
    set_isa_override(level);
    body();
  }
  set_isa_override("auto");
}

// Sets the number of threads for a scope.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

// Widths below, at and above one and two vectors of every level, and a large odd one.
inline std::vector<std::int64_t> widths() {
  std::vector<std::int64_t> all;
  for (std::int64_t width = 1; width <= 2 * 16 + 3; ++width) all.push_back(width);
  all.push_back(1001);
  return all;
}

// The first line of what `call` throws as a value error; empty if it does not throw.
template <class Call>
std::string value_error(const Call& call) {
  try {
    call();
  } catch (const c10::ValueError& error) {
    return error.what_without_backtrace();
  }
  return "";
}

inline const std::vector<at::ScalarType> kTypes = {at::kFloat, at::kBFloat16, at::kDouble};

}  // namespace superpose::ops::test
