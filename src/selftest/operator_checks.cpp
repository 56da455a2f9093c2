#include "selftest/operator_checks.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/triu.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <string>

#include "ops/adamw.h"
#include "ops/bag_embedding.h"
#include "ops/cached_attention.h"
#include "ops/causal_attention.h"
#include "ops/linear.h"
#include "ops/multi_hot_linear_cross_entropy.h"
#include "ops/recomputed_linear.h"
#include "ops/rms_norm.h"
#include "ops/rotary_heads.h"
#include "ops/set_sum_linear_cross_entropy.h"
#include "ops/swiglu.h"

// B rows, L positions, N = B L, s tokens per bag, V vocabulary, D width, H query heads, K key/value
// heads, h head dim, F inner width. Odd on purpose: no multiple of a vector or a block.
namespace superpose::selftest {
namespace {

constexpr std::int64_t kB = 2, kL = 77, kN = kB * kL, kS = 3, kV = 517, kD = 90, kF = 131;
constexpr ops::HeadLayout kHeads{.num_heads = 6, .num_kv_heads = 2, .head_dim = 20};
constexpr double kEps = 1e-5;

using Tensors = std::vector<at::Tensor>;

enum class Role {
  kInput,   // compute type, differentiated by autograd
  kWeight,  // compute type; its gradient is added to an f32 buffer
  kVector,  // f32 in every precision; its gradient is added to an f32 buffer
  kState,   // f32 in every precision, not differentiated
};

struct Operand {
  at::Tensor value;  // f64, CPU
  Role role = Role::kInput;
};

// From the operands and their gradient buffers (undefined for kInput and kState) to the output.
using Form = std::function<at::Tensor(const Tensors& values, const Tensors& buffers)>;

struct OperatorCase {
  std::string name;
  std::vector<Operand> operands;
  Form ours;
  Form plain;  // of values in f64 that autograd differentiates; `buffers` is empty
};

at::TensorOptions f64() { return at::TensorOptions().dtype(at::kDouble); }
at::Tensor normal(at::IntArrayRef shape, double scale = 1) {
  return at::randn(shape, f64()) * scale;
}
at::Tensor ids_below(std::int64_t bound, at::IntArrayRef shape) {
  return at::randint(bound, shape, at::TensorOptions().dtype(at::kLong));
}

OperatorCase bag_embedding() {
  at::Tensor ids = ids_below(kV, {kB, kL, kS});
  ids.select(2, kS - 1).narrow(1, 0, 9).fill_(-1);  // padding
  return {"bag_embedding",
          {{normal({kV, kD}), Role::kWeight}},
          [ids](const Tensors& in, const Tensors& buffers) {
            return ops::bag_embedding_accumulate(in[0], ids.to(in[0].device()), buffers[0]);
          },
          [ids](const Tensors& in, const Tensors&) {
            const at::Tensor valid = ids.ge(0).unsqueeze(-1).to(at::kDouble);
            const at::Tensor rows =
                in[0].index_select(0, ids.clamp_min(0).flatten()).view({kB, kL, kS, kD});
            return (rows * valid).sum(2) / valid.sum(2);
          }};
}

OperatorCase multi_hot() {
  at::Tensor targets = ids_below(kV, {kN, kS});
  targets.select(1, 0).narrow(0, 5, 11).fill_(-100);  // ignored
  const at::Tensor coefficients = at::linspace(0.2, 0.6, kS, f64()) / kN;
  return {"multi_hot_linear_cross_entropy",
          {{normal({kN, kD})}, {normal({kV, kD}, 0.2), Role::kWeight}},
          [=](const Tensors& in, const Tensors& buffers) {
            return ops::multi_hot_linear_cross_entropy_accumulate(
                in[0], in[1], targets.to(in[0].device()), coefficients.to(buffers[1].options()),
                buffers[1]);
          },
          [=](const Tensors& in, const Tensors&) {
            const at::Tensor z = at::matmul(in[0], in[1].t());
            const at::Tensor each =
                at::logsumexp(z, 1).unsqueeze(1) - z.gather(1, targets.clamp_min(0));
            return (each * targets.ge(0).to(at::kDouble) * coefficients).sum();
          }};
}

OperatorCase set_sum() {
  // The last target is that of another slot, and counts once; those of some rows are ignored.
  const at::Tensor targets = ids_below(kV, {kN, kS});
  targets.select(1, kS - 1).copy_(targets.select(1, 0));
  targets.narrow(0, 5, 11).fill_(-100);
  const at::Tensor coefficient = at::full({1}, 1.0 / kN, f64());
  return {
      "set_sum_linear_cross_entropy",
      {{normal({kN, kD})}, {normal({kV, kD}, 0.2), Role::kWeight}},
      [=](const Tensors& in, const Tensors& buffers) {
        return ops::set_sum_linear_cross_entropy_accumulate(
            in[0], in[1], targets.to(in[0].device()), coefficient.to(buffers[1].options()),
            buffers[1]);
      },
      [=](const Tensors& in, const Tensors&) {
        const at::Tensor valid = targets.select(1, 0).ge(0);
        const at::Tensor in_bag = at::zeros({kN, kV}, f64()).scatter(1, targets.clamp_min(0), 1.0);
        const at::Tensor p = at::softmax(at::matmul(in[0], in[1].t()), 1);
        const at::Tensor mass = (p * in_bag).sum(1);
        return (mass.log().neg() * valid * coefficient).sum();
      }};
}

OperatorCase linear() {
  return {"linear",
          {{normal({kN, kD})}, {normal({kF, kD}, 0.1), Role::kWeight}},
          [](const Tensors& in, const Tensors& buffers) {
            return ops::linear_accumulate(in[0], in[1], buffers[1]);
          },
          [](const Tensors& in, const Tensors&) { return at::matmul(in[0], in[1].t()); }};
}

// x / rms(x) * weight over the last dimension.
at::Tensor normed(const at::Tensor& x, const at::Tensor& weight) {
  return x * at::rsqrt((x * x).mean(-1, /*keepdim=*/true) + kEps) * weight;
}

OperatorCase add_rms_norm() {
  return {"add_rms_norm",
          {{normal({kN, kD})}, {normal({kN, kD})}, {normal({kD}), Role::kVector}},
          [](const Tensors& in, const Tensors& buffers) {
            const auto [sum, norm] =
                ops::add_rms_norm_accumulate(in[0], in[1], in[2], kEps, buffers[2]);
            return at::cat({sum, norm}, 1);
          },
          [](const Tensors& in, const Tensors&) {
            const at::Tensor sum = in[0] + in[1];
            return at::cat({sum, normed(sum, in[2])}, 1);
          }};
}

at::Tensor rotated(const at::Tensor& x, const at::Tensor& cosines, const at::Tensor& sines) {
  const auto halves = x.chunk(2, -1);
  const at::Tensor c = cosines.unsqueeze(1);
  const at::Tensor s = sines.unsqueeze(1);
  return at::cat({halves[0] * c - halves[1] * s, halves[1] * c + halves[0] * s}, -1);
}

// With the norms of queries and keys, or without.
OperatorCase rotary_heads(bool with_norms) {
  const std::int64_t h = kHeads.head_dim;
  const std::int64_t all = kHeads.num_heads + 2 * kHeads.num_kv_heads;
  const at::Tensor angles = at::outer(at::arange(kL, f64()), at::linspace(1, 0.01, h / 2, f64()));
  std::vector<Operand> operands = {{normal({kB, kL, all * h})}};
  if (with_norms) {
    operands.push_back({normal({h}), Role::kVector});
    operands.push_back({normal({h}), Role::kVector});
  }
  return {with_norms ? "rotary_heads with norms" : "rotary_heads", operands,
          [=](const Tensors& in, const Tensors& buffers) {
            const auto table = in[0].options().dtype(at::kFloat).requires_grad(false);
            ops::HeadNorms norms;
            if (with_norms) norms = {in[1], in[2], buffers[1], buffers[2], kEps};
            const auto [q, k, v] = ops::rotary_heads_accumulate(
                in[0], {at::cos(angles).to(table), at::sin(angles).to(table)}, kHeads, norms);
            return at::cat({q, k, v}, 2);
          },
          [=](const Tensors& in, const Tensors&) {
            const auto parts =
                in[0]
                    .view({kB, kL, all, h})
                    .split_with_sizes({kHeads.num_heads, kHeads.num_kv_heads, kHeads.num_kv_heads},
                                      2);
            const at::Tensor q = with_norms ? normed(parts[0], in[1]) : parts[0];
            const at::Tensor k = with_norms ? normed(parts[1], in[2]) : parts[1];
            const at::Tensor cosines = at::cos(angles);
            const at::Tensor sines = at::sin(angles);
            return at::cat({rotated(q, cosines, sines), rotated(k, cosines, sines), parts[2]}, 2);
          }};
}

// Of q, k, v.
at::Tensor plain_attention(const Tensors& in, const Tensors& /*buffers*/) {
  const std::int64_t times = kHeads.num_heads / kHeads.num_kv_heads;
  const at::Tensor q = in[0].transpose(1, 2);
  const at::Tensor k = in[1].transpose(1, 2).repeat_interleave(times, 1);
  const at::Tensor v = in[2].transpose(1, 2).repeat_interleave(times, 1);
  const at::Tensor mask =
      at::triu(at::full({kL, kL}, -std::numeric_limits<double>::infinity(), f64()), 1);
  const at::Tensor scores =
      at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(kHeads.head_dim)) + mask;
  return at::matmul(at::softmax(scores, -1), v).transpose(1, 2).flatten(2);
}

std::vector<Operand> attention_operands(Role role) {
  const std::int64_t h = kHeads.head_dim;
  return {{normal({kB, kL, kHeads.num_heads, h}), role},
          {normal({kB, kL, kHeads.num_kv_heads, h}), role},
          {normal({kB, kL, kHeads.num_kv_heads, h}), role}};
}

OperatorCase causal_attention() {
  return {
      "causal_attention", attention_operands(Role::kInput),
      [](const Tensors& in, const Tensors&) { return ops::causal_attention(in[0], in[1], in[2]); },
      plain_attention};
}

// The same in two calls. Has no derivative.
OperatorCase cached_attention() {
  constexpr std::int64_t kFirst = 30;
  return {"cached_attention", attention_operands(Role::kState),
          [](const Tensors& in, const Tensors&) {
            const auto make = [&] {
              return at::empty({kB, kHeads.num_kv_heads, kL, kHeads.head_dim}, in[1].options());
            };
            const ops::KeyValueSlots cache{make(), make()};
            const at::Tensor slots = at::arange(kB, in[0].options().dtype(at::kLong));
            const auto call = [&](std::int64_t begin, std::int64_t end) {
              const auto part = [&](const at::Tensor& x) {
                return x.narrow(1, begin, end - begin);
              };
              return ops::cached_attention(part(in[0]), part(in[1]), part(in[2]), cache, slots,
                                           at::full_like(slots, begin));
            };
            const at::Tensor first = call(0, kFirst);
            return at::cat({first, call(kFirst, kL)}, 1);
          },
          plain_attention};
}

OperatorCase swiglu() {
  return {"swiglu",
          {{normal({kN, 2 * kF})}},
          [](const Tensors& in, const Tensors&) { return ops::swiglu(in[0]); },
          [](const Tensors& in, const Tensors&) {
            const auto halves = in[0].chunk(2, -1);
            return halves[0] * at::sigmoid(halves[0]) * halves[1];
          }};
}

// The two as the decoder calls them: joined with the product behind.
OperatorCase add_rms_norm_linear() {
  return {"add_rms_norm_linear",
          {{normal({kN, kD})},
           {normal({kN, kD})},
           {normal({kD}), Role::kVector},
           {normal({kF, kD}, 0.1), Role::kWeight}},
          [](const Tensors& in, const Tensors& buffers) {
            const auto [sum, product] = ops::add_rms_norm_linear_accumulate(
                in[0], in[1], {in[2], kEps, buffers[2]}, in[3], buffers[3]);
            return at::cat({sum, product}, 1);
          },
          [](const Tensors& in, const Tensors&) {
            const at::Tensor sum = in[0] + in[1];
            return at::cat({sum, at::matmul(normed(sum, in[2]), in[3].t())}, 1);
          }};
}

OperatorCase swiglu_linear() {
  return {"swiglu_linear",
          {{normal({kN, 2 * kF})}, {normal({kD, kF}, 0.1), Role::kWeight}},
          [](const Tensors& in, const Tensors& buffers) {
            return ops::swiglu_linear_accumulate(in[0], in[1], buffers[1]);
          },
          [](const Tensors& in, const Tensors&) {
            const auto halves = in[0].chunk(2, -1);
            return at::matmul(halves[0] * at::sigmoid(halves[0]) * halves[1], in[1].t());
          }};
}

OperatorCase adamw() {
  const ops::AdamWStep step{
      .learning_rate = 1e-2, .weight_decay = 0.1, .grad_scale = 0.5, .step = 3};
  return {"adamw_update",
          {{normal({kD, kF}), Role::kState},
           {normal({kD, kF}), Role::kState},
           {normal({kD, kF}), Role::kState},
           {normal({kD, kF}).square(), Role::kState}},
          [step](const Tensors& in, const Tensors&) {
            const Tensors state = {in[0].clone(), in[2].clone(), in[3].clone()};
            ops::adamw_update(state[0], in[1], state[1], state[2], step);
            return at::cat(state);
          },
          [step](const Tensors& in, const Tensors&) {
            const at::Tensor g = in[1] * step.grad_scale;
            const at::Tensor mean = in[2] * step.beta1 + g * (1 - step.beta1);
            const at::Tensor square = in[3] * step.beta2 + g * g * (1 - step.beta2);
            const double done = static_cast<double>(step.step);
            const at::Tensor root = at::sqrt(square / (1 - std::pow(step.beta2, done))) + step.eps;
            const at::Tensor kept = in[0] * (1 - step.learning_rate * step.weight_decay);
            const at::Tensor moved =
                mean / root * (step.learning_rate / (1 - std::pow(step.beta1, done)));
            return at::cat({kept - moved, mean, square});
          }};
}

// Output first, then the gradient of each operand that has one; f64 on the CPU.
Tensors results_of(const at::Tensor& output, const Tensors& values, const Tensors& buffers) {
  Tensors results = {output.detach().to(at::kCPU, at::kDouble)};
  if (output.requires_grad()) {
    // A scalar is a loss: its operator wants the gradient 1.
    output.backward(
        output.dim() == 0
            ? at::Tensor()
            : at::cos(at::arange(output.numel(), f64())).view(output.sizes()).to(output));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const at::Tensor gradient =
        i < buffers.size() && buffers[i].defined() ? buffers[i] : values[i].grad();
    if (gradient.defined()) results.push_back(gradient.to(at::kCPU, at::kDouble));
  }
  return results;
}

Tensors run_ours(const OperatorCase& item, at::ScalarType compute, at::Device device) {
  Tensors values;
  Tensors buffers;
  for (const Operand& operand : item.operands) {
    const bool is_f32 = operand.role == Role::kVector || operand.role == Role::kState;
    at::Tensor value = operand.value.to(device, is_f32 ? at::kFloat : compute);
    const bool has_buffer = operand.role == Role::kWeight || operand.role == Role::kVector;
    buffers.push_back(has_buffer ? at::zeros_like(value, value.options().dtype(at::kFloat))
                                 : at::Tensor());
    values.push_back(value.requires_grad_(operand.role == Role::kInput));
  }
  return results_of(item.ours(values, buffers), values, buffers);
}

Tensors run_plain(const OperatorCase& item, at::ScalarType compute) {
  Tensors values;
  for (const Operand& operand : item.operands) {
    const bool is_f32 = operand.role == Role::kVector || operand.role == Role::kState;
    at::Tensor rounded = operand.value.to(is_f32 ? at::kFloat : compute).to(at::kDouble);
    values.push_back(rounded.requires_grad_(operand.role != Role::kState));
  }
  return results_of(item.plain(values, {}), values, {});
}

}  // namespace

double worst_error(const std::vector<at::Tensor>& results,
                   const std::vector<at::Tensor>& expected) {
  if (results.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const double error = (results[i] - expected[i]).abs().max().item<double>();
    const double size = expected[i].abs().max().item<double>();
    if (!std::isfinite(error / size)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, error / size);
  }
  return worst;
}

namespace {

// Sums of up to kV terms whose roundings add up like a random walk; bf16 results are rounded a few
// times on their way.
double allowed_error(at::ScalarType compute) {
  constexpr double kRoundings = 4;
  return compute == at::kFloat ? kRoundings * std::ldexp(1.0, -24) * std::sqrt(double{kV})
                               : kRoundings * std::ldexp(1.0, -8);
}

Check check(const OperatorCase& item, at::ScalarType compute, at::Device device) {
  Check check{.name = item.name + (compute == at::kFloat ? " f32" : " bf16"),
              .allowed = allowed_error(compute),
              .unit = "largest error / largest value"};
  try {
    check.measured = worst_error(run_ours(item, compute, device), run_plain(item, compute));
  } catch (const std::exception& error) {
    check.failure = error.what();
  }
  return check;
}

}  // namespace

std::vector<Check> check_operators(at::Device device) {
  const c10::AutoGradMode with_gradients(true);
  at::manual_seed(1);
  const std::vector<OperatorCase> items = {
      bag_embedding(),    add_rms_norm(),  add_rms_norm_linear(), rotary_heads(false),
      rotary_heads(true), linear(),        causal_attention(),    cached_attention(),
      swiglu(),           swiglu_linear(), multi_hot(),           adamw(),
      set_sum()};
  std::vector<Check> checks;
  for (const OperatorCase& item : items) {
    checks.push_back(check(item, at::kFloat, device));
    if (item.operands.front().role != Role::kState) {
      checks.push_back(check(item, at::kBFloat16, device));
    }
  }
  return checks;
}

}  // namespace superpose::selftest
