// f32 products in blocks, out of libtorch's micro-kernels.
//
// The micro-kernel (brgemm) multiplies one block of packed rows at close to the peak of a core.
// What is left to this file is the usual blocking around it (Goto and van de Geijn 2008, "Anatomy
// of high-performance matrix multiplication"): a panel of b stays in the second-level cache while
// blocks of rows of a pass over it, and an operand whose rows run the wrong way is transposed panel
// by panel.
//
// Products are cut into tasks by their shape alone, and each element of the result is summed by one
// thread over ascending depth; so the bits are the same for any number of threads. Tasks are of
// about one size, as at::parallel_for gives every thread the same number of them. Why not at::mm,
// and where: docs/adr/0008-f32-products-by-micro-kernels.md.
#include "ops/cpu/f32_products.h"

#include <algorithm>
#include <memory>

#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/row_kernels.h"
#include "ops/cpu/transpose.h"

namespace superpose::ops::cpu {
namespace {

// Blocks of a product: a panel of b of at most depth x columns stays in the second-level cache
// while blocks of kRows rows of a pass by. A panel that is transposed is deep: the blocks of out
// that go with it are smaller, and are read and written fewer times.
struct Blocks {
  std::int64_t columns, depth;
  std::int64_t group;  // rows of a, at least, that share a panel: fewer mean more panels
};
constexpr std::int64_t kRows = 64;
constexpr Blocks kStraight{512, 256, 128};
constexpr Blocks kTurned{256, 512, 256};

// Beyond the width of a transposed block: with a power of two its rows would share a few sets of
// the first-level cache.
constexpr std::int64_t kPadding = 16;

// Multiply-adds that are worth a thread.
constexpr std::int64_t kGrain = 1 << 20;

// Tasks that a product is cut into where its size allows: groups of rows, of at most kMaxGroup, by
// panels. Panels are halved where there would be fewer than kFewTasks.
constexpr std::int64_t kTasks = 16;
constexpr std::int64_t kFewTasks = 8;
constexpr std::int64_t kMaxGroup = 1024;

struct Shape {
  std::int64_t rows, columns, depth;
};

std::int64_t blocks_of(std::int64_t size, std::int64_t block) { return (size + block - 1) / block; }

// A block of at most `most` so that `size` falls into blocks of about one size: a thin last one
// would cost a pass over out like any other.
std::int64_t even_block(std::int64_t size, std::int64_t most) {
  constexpr std::int64_t kUnit = 16;
  return std::min(most, blocks_of(blocks_of(size, blocks_of(size, most)), kUnit) * kUnit);
}

// out (+)= a b for columns and depth of one panel, in blocks of rows.
void multiply_panel(const Shape& shape, const Matrix& a, const Matrix& b, float* out,
                    std::int64_t out_stride, bool add) {
  for (std::int64_t row = 0; row < shape.rows; row += kRows) {
    micro_kernel_product({std::min(kRows, shape.rows - row), shape.columns, shape.depth},
                         {a.data + row * a.stride, a.stride}, b, out + row * out_stride, out_stride,
                         add ? Into::kSum : Into::kEmpty);
  }
}

// How a product is cut: a function of its shape alone, and into tasks of about one size, since each
// thread takes as many tasks as any other.
struct Cut {
  Shape block;  // rows of a group, columns and depth of a panel
  std::int64_t panels, tasks;
};

Cut cut_of(const Shape& whole, const Blocks& most) {
  const std::int64_t coarse =
      blocks_of(whole.rows, most.group) * blocks_of(whole.columns, most.columns);
  const std::int64_t columns =
      even_block(whole.columns, coarse < kFewTasks ? most.columns / 2 : most.columns);
  const std::int64_t panels = blocks_of(whole.columns, columns);
  const std::int64_t share = blocks_of(blocks_of(whole.rows * panels, kTasks), kRows) * kRows;
  const std::int64_t rows = even_block(whole.rows, std::clamp(share, most.group, kMaxGroup));
  return {{rows, columns, even_block(whole.depth, most.depth)},
          panels,
          blocks_of(whole.rows, rows) * panels};
}

// out = a b, or a b^T where b is given with its rows as the columns of the product. A function of
// the shape alone decides what is summed with what, so that bits do not depend on threads.
void multiply(const Shape& whole, const Matrix& a, const Matrix& b, bool turn, float* out) {
  const Cut cut = cut_of(whole, turn ? kTurned : kStraight);
  const std::int64_t work = cut.block.rows * cut.block.columns * whole.depth;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, work));
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t stride = cut.block.columns + kPadding;
    const auto transposed = std::make_unique_for_overwrite<float[]>(
        static_cast<std::size_t>(turn ? cut.block.depth * stride : 0));
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t row = task / cut.panels * cut.block.rows;
      const std::int64_t column = task % cut.panels * cut.block.columns;
      Shape shape{std::min(cut.block.rows, whole.rows - row),
                  std::min(cut.block.columns, whole.columns - column), 0};
      for (std::int64_t k = 0; k < whole.depth; k += cut.block.depth) {
        shape.depth = std::min(cut.block.depth, whole.depth - k);
        Matrix panel{b.data + k * b.stride + column, b.stride};
        if (turn) {
          transpose({b.data + column * b.stride + k, b.stride}, shape.columns, shape.depth,
                    transposed.get(), stride);
          panel = {transposed.get(), stride};
        }
        multiply_panel(shape, {a.data + row * a.stride + k, a.stride}, panel,
                       out + row * whole.columns + column, whole.columns, /*add=*/k > 0);
      }
    }
  };
  at::parallel_for(0, cut.tasks, grain, run);
}

}  // namespace

bool has_f32_products() { return has_micro_kernels() && avx512_in_force(); }

bool prefers_f32_products() {
#if defined(__x86_64__)
  static const bool kIntel = __builtin_cpu_is("intel");
  return !kIntel && has_f32_products();
#else
  return false;
#endif
}

void f32_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  multiply({a.size(0), b.size(1), a.size(1)}, {a.const_data_ptr<float>(), a.size(1)},
           {b.const_data_ptr<float>(), b.size(1)}, /*turn=*/false, out.mutable_data_ptr<float>());
}

void f32_product_transposed(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  multiply({a.size(0), b.size(0), a.size(1)}, {a.const_data_ptr<float>(), a.size(1)},
           {b.const_data_ptr<float>(), b.size(1)}, /*turn=*/true, out.mutable_data_ptr<float>());
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
  const std::int64_t block_depth = even_block(rows, kStraight.depth);
  const std::int64_t block_columns = even_block(width, kStraight.columns);
  const std::int64_t grain =
      std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, rows * band * width));
  at::parallel_for(0, blocks_of(height, band), grain, [&](std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t kStride = kStraight.depth + kPadding;
    // a^T of a band
    const auto transposed =
        std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(band * kStride));
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t first = index * band;
      const std::int64_t size = std::min(band, height - first);
      for (std::int64_t row = 0; row < rows; row += block_depth) {
        const std::int64_t depth = std::min(block_depth, rows - row);
        transpose({a_data + row * height + first, height}, depth, size, transposed.get(), kStride);
        for (std::int64_t column = 0; column < width; column += block_columns) {
          const std::int64_t columns = std::min(block_columns, width - column);
          multiply_panel({size, columns, depth}, {transposed.get(), kStride},
                         {b_data + row * width + column, width}, sum_data + first * width + column,
                         width, /*add=*/true);
        }
      }
    }
  });
}

}  // namespace superpose::ops::cpu
