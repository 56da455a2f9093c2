#include "ops/product_ceiling.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "ops/cpu/bf16_products.h"
#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/parallel.h"

namespace superpose::ops {
namespace {

using Clock = std::chrono::steady_clock;

struct Block {
  std::int64_t rows, columns, depth;
  double flops() const { return 2.0 * static_cast<double>(rows * columns * depth); }
};

// Operands and result fit into the second-level cache of any CPU of interest; which shape suits a
// CPU best depends on its register tiles.
constexpr std::array<Block, 4> kBlocks = {
    {{64, 64, 512}, {128, 64, 256}, {64, 256, 256}, {64, 512, 256}}};

// Rows and columns of the at::mm that is measured as well.
constexpr std::int64_t kSquare = 1536;

constexpr cpu::Bf16 kBf16Half{0x3f00};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// One product of packed operands; the second counts as packed: what lies where makes no difference
// to the time.
void multiply(const Block& block, const std::vector<float>& a, const std::vector<float>& b,
              std::vector<float>& c) {
  cpu::micro_kernel_product({block.rows, block.columns, block.depth}, {a.data(), block.depth},
                            {b.data(), block.columns}, c.data(), block.columns, cpu::Into::kEmpty);
}

void multiply(const Block& block, const std::vector<cpu::Bf16>& a, const std::vector<cpu::Bf16>& b,
              std::vector<float>& c) {
  cpu::micro_kernel_product_bf16({block.rows, block.columns, block.depth}, {a.data(), block.depth},
                                 {reinterpret_cast<const float*>(b.data()), block.columns},
                                 c.data(), block.columns, cpu::Into::kEmpty);
}

// FLOP/s of one thread; `half` is 0.5 in the operands' type.
template <class T>
double rate_of_thread(const Block& block, double seconds, T half) {
  const std::vector<T> a(static_cast<std::size_t>(block.rows * block.depth), half);
  const std::vector<T> b(static_cast<std::size_t>(block.depth * block.columns), half);
  std::vector<float> c(static_cast<std::size_t>(block.rows * block.columns));
  multiply(block, a, b, c);  // makes the kernel
  std::int64_t calls = 0;
  const Clock::time_point begin = Clock::now();
  double passed = 0;
  for (; passed < seconds; passed = seconds_since(begin)) {
    constexpr int kCallsPerLook = 8;
    for (int call = 0; call < kCallsPerLook; ++call) multiply(block, a, b, c);
    calls += kCallsPerLook;
  }
  if constexpr (std::is_same_v<T, cpu::Bf16>) cpu::release_micro_kernels();
  return block.flops() * static_cast<double>(calls) / passed;
}

template <class T>
double rate_of_all(const Block& block, double seconds, T half) {
  std::vector<double> rates(static_cast<std::size_t>(at::get_num_threads()));
  at::parallel_for(
      0, static_cast<std::int64_t>(rates.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t thread = begin; thread < end; ++thread) {
          rates[static_cast<std::size_t>(thread)] = rate_of_thread(block, seconds, half);
        }
      });
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

double rate_of_mm(c10::ScalarType type, double seconds) {
  const at::Tensor a = at::full({kSquare, kSquare}, 0.5, at::TensorOptions(type));
  at::Tensor out = at::mm(a, a);
  std::int64_t calls = 0;
  const Clock::time_point begin = Clock::now();
  double passed = 0;
  for (; passed < seconds; passed = seconds_since(begin)) {
    at::mm_out(out, a, a);
    ++calls;
  }
  return Block{kSquare, kSquare, kSquare}.flops() * static_cast<double>(calls) / passed;
}

}  // namespace

double product_ceiling(c10::ScalarType type, double seconds) {
  TORCH_CHECK_VALUE(type == at::kFloat || type == at::kBFloat16,
                    "product_ceiling: expected f32 or bf16, got ", type);
  const double share = seconds / (static_cast<double>(kBlocks.size()) + 1);
  double best = rate_of_mm(type, share);
  // Elsewhere the micro-kernels refuse bf16.
  if (type == at::kBFloat16 && !cpu::has_bf16_products()) return best;
  for (const Block& block : kBlocks) {
    best = std::max(best, type == at::kFloat ? rate_of_all(block, share, 0.5F)
                                             : rate_of_all(block, share, kBf16Half));
  }
  return best;
}

}  // namespace superpose::ops
