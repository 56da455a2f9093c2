#include "ops/cpu/f32_products.h"

#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "ops/cpu/parallel.h"
#include "ops/cpu/row_kernels.h"
#include "ops/cpu/transpose.h"

namespace superpose::ops::cpu {
namespace {

// Blocks of a product: a panel of b of kDepth x kColumns stays in the second-level cache while a
// block's rows pass by.
constexpr std::int64_t kRows = 64;
constexpr std::int64_t kColumns = 512;
constexpr std::int64_t kDepth = 256;

// From one row of a turned block to the next: not a power of two, or the rows would share a few
// sets of the first-level cache.
constexpr std::int64_t kTurnedStride = kDepth + 16;

// Multiply-adds that are worth a thread.
constexpr std::int64_t kGrain = 1 << 20;

// Moving an element costs about as much as this many multiply-adds.
constexpr std::int64_t kMovePerMultiply = 32;

struct Shape {
  std::int64_t rows, columns, depth;
};

// out (+)= a b, block by block.
void multiply(const Shape& shape, const Matrix& a, const Matrix& b, float* out,
              std::int64_t out_stride, bool add) {
  for (std::int64_t k = 0; k < shape.depth; k += kDepth) {
    const std::int64_t depth = std::min(kDepth, shape.depth - k);
    for (std::int64_t n = 0; n < shape.columns; n += kColumns) {
      const std::int64_t columns = std::min(kColumns, shape.columns - n);
      at::native::cpublas::brgemm(shape.rows, columns, depth, a.stride, b.stride, out_stride,
                                  add || k > 0, a.data + k, b.data + k * b.stride + n, out + n,
                                  /*is_vnni=*/false);
    }
  }
}

std::int64_t blocks_worth_a_thread(std::int64_t work_of_block) {
  return std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, work_of_block));
}

}  // namespace

bool has_f32_products() { return avx512_in_force(); }

bool prefers_f32_products() {
#if defined(__x86_64__)
  static const bool kIntel = __builtin_cpu_is("intel");
  return !kIntel && has_f32_products();
#else
  return false;
#endif
}

void f32_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  const Shape whole{a.size(0), b.size(1), a.size(1)};
  const auto* a_data = a.const_data_ptr<float>();
  const auto* b_data = b.const_data_ptr<float>();
  auto* out_data = out.mutable_data_ptr<float>();
  const std::int64_t num_blocks = (whole.rows + kRows - 1) / kRows;
  const std::int64_t grain = blocks_worth_a_thread(kRows * whole.columns * whole.depth);
  at::parallel_for(0, num_blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t row = block * kRows;
      const Shape shape{std::min(kRows, whole.rows - row), whole.columns, whole.depth};
      multiply(shape, {a_data + row * whole.depth, whole.depth}, {b_data, whole.columns},
               out_data + row * whole.columns, whole.columns, /*add=*/false);
    }
  });
}

void f32_product_transposed(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  const std::int64_t rows = b.size(0);
  const std::int64_t columns = b.size(1);
  const at::Tensor turned = at::empty({columns, rows}, b.options());
  const auto* from = b.const_data_ptr<float>();
  auto* to = turned.mutable_data_ptr<float>();
  const std::int64_t num_blocks = (rows + kRows - 1) / kRows;
  at::parallel_for(0, num_blocks, blocks_worth_a_thread(kRows * columns * kMovePerMultiply),
                   [&](std::int64_t begin, std::int64_t end) {
                     const std::int64_t row = begin * kRows;
                     const std::int64_t size = std::min(rows, end * kRows) - row;
                     transpose({from + row * columns, columns}, size, columns, to + row, rows);
                   });
  f32_product(a, turned, out);
}

void f32_add_transposed_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& sum) {
  const std::int64_t rows = a.size(0);
  const std::int64_t height = a.size(1);
  const std::int64_t width = b.size(1);
  const auto* a_data = a.const_data_ptr<float>();
  const auto* b_data = b.const_data_ptr<float>();
  auto* sum_data = sum.mutable_data_ptr<float>();
  // Narrow bands where there are few rows of the sum to share out.
  const std::int64_t band = height < 256 ? 16 : 64;
  const std::int64_t num_bands = (height + band - 1) / band;
  const std::int64_t grain = blocks_worth_a_thread(rows * band * width);
  at::parallel_for(0, num_bands, grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> turned(static_cast<std::size_t>(band * kTurnedStride));  // a^T of a band
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t first = index * band;
      const std::int64_t size = std::min(band, height - first);
      for (std::int64_t row = 0; row < rows; row += kDepth) {
        const std::int64_t depth = std::min(kDepth, rows - row);
        transpose({a_data + row * height + first, height}, depth, size, turned.data(),
                  kTurnedStride);
        multiply({size, width, depth}, {turned.data(), kTurnedStride},
                 {b_data + row * width, width}, sum_data + first * width, width, /*add=*/true);
      }
    }
  });
}

}  // namespace superpose::ops::cpu
