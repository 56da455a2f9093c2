#include "forms.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones_like.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>
#include <span>

#include "util/random.h"

namespace superpose::bench_ops {
namespace {

constexpr std::array<Shape, 3> kShapes = {{
    {"demo", 320, 96, 3, 3, 32, 256, 8, 256},
    {"tiny", 256, 192, 6, 6, 32, 512, 16, 512},
    {"small", 32'000, 512, 8, 4, 64, 1'376, 4, 512},
}};

void count(benchmark::State& state, const char* unit, double work) {
  state.counters[unit] = benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate);
}

void time_forward(benchmark::State& state, const Form& form, const Work& work) {
  const at::NoGradGuard no_graph;
  for (auto round : state) benchmark::DoNotOptimize(form.run());
  count(state, work.unit, work.forward);
}

void time_both(benchmark::State& state, const Form& form, const Work& work) {
  Results gradients;
  for (const at::Tensor& result : form.run()) gradients.push_back(at::ones_like(result.detach()));
  for (auto round : state) {
    for (at::Tensor leaf : form.leaves) leaf.mutable_grad().reset();
    torch::autograd::backward(form.run(), gradients);
  }
  count(state, work.unit, work.forward + work.backward);
}

void add_one(const std::string& name, void (*time)(benchmark::State&, const Form&, const Work&),
             const Form& form, const Work& work) {
  benchmark::RegisterBenchmark(
      name.c_str(), [time, form, work](benchmark::State& state) { time(state, form, work); })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

std::string name_of(const Shape& shape, at::ScalarType type) {
  return std::string(shape.name) + (type == at::kFloat ? "/f32" : "/bf16");
}

at::Tensor random(at::IntArrayRef shape, at::ScalarType type, double scale) {
  at::Tensor values = at::empty(shape, at::kFloat);
  util::fill_normal(std::span(values.mutable_data_ptr<float>(), values.numel()),
                    util::stream_key(1, "bench"), 0, 0.0, scale);
  return values.to(type);
}

at::Tensor random_ids(at::IntArrayRef shape, std::int64_t end) {
  at::Tensor ids = at::empty(shape, at::kLong);
  auto* values = ids.mutable_data_ptr<std::int64_t>();
  const std::uint64_t key = util::stream_key(1, "bench ids");
  for (std::int64_t i = 0; i < ids.numel(); ++i) {
    values[i] = static_cast<std::int64_t>(util::uniform01(key, static_cast<std::uint64_t>(i)) *
                                          static_cast<double>(end));
  }
  return ids;
}

double bytes_of(std::int64_t elements, at::ScalarType type) {
  return static_cast<double>(elements) * static_cast<double>(c10::elementSize(type));
}

void add(const std::string& name, const std::vector<Form>& forms, const Work& work) {
  for (const Form& form : forms) {
    add_one(name + "/" + form.name + "/forward", &time_forward, form, work);
    add_one(name + "/" + form.name + "/both", &time_both, form, work);
  }
}

void add_forward(const std::string& name, const std::vector<Form>& forms, const Work& work) {
  for (const Form& form : forms) add_one(name + "/" + form.name, &time_forward, form, work);
}

}  // namespace superpose::bench_ops

int main(int argc, char** argv) {
  benchmark::AddCustomContext("threads", std::to_string(at::get_num_threads()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  for (const superpose::bench_ops::Shape& shape : superpose::bench_ops::kShapes) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      superpose::bench_ops::add_operator(shape, type);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
