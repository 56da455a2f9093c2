// What the operators' benchmarks share: an operator and the same work composed of ATen's, each as a
// form that is timed forward and forward with backward.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace superpose::bench_ops {

// The shapes of a model (model/presets.cpp) and of the batch that it is measured with.
struct Shape {
  const char* name;
  std::int64_t vocabulary, width, heads, kv_heads, head_dim, ffn, rows, positions;
  std::int64_t tokens() const { return rows * positions; }
};

// "small/bf16"
std::string name_of(const Shape& shape, at::ScalarType type);

// Standard normal times `scale`; the same values on every call.
at::Tensor random(at::IntArrayRef shape, at::ScalarType type, double scale = 1);

// Uniform int64 in [0, end).
at::Tensor random_ids(at::IntArrayRef shape, std::int64_t end);

double bytes_of(std::int64_t elements, at::ScalarType type);

using Results = std::vector<at::Tensor>;

struct Form {
  std::string name;                // "superpose" or "composed"
  std::function<Results()> run;    // makes a graph where grad mode is on
  std::vector<at::Tensor> leaves;  // their gradients are dropped before each backward
};

// What a call costs; the benchmark shows it as a rate.
struct Work {
  const char* unit;  // "FLOP" or "B"
  double forward;
  double backward;
};

// Registers "<name>/<form>/forward" and "<name>/<form>/both" of each form: without a graph, and
// with backward from gradients of ones.
void add(const std::string& name, const std::vector<Form>& forms, const Work& work);

// Registers "<name>/<form>" of a form that has no backward.
void add_forward(const std::string& name, const std::vector<Form>& forms, const Work& work);

// Each program defines this: registers the benchmarks of its operator for one shape and type.
// main() calls it for all.
void add_operator(const Shape& shape, at::ScalarType type);

}  // namespace superpose::bench_ops
