// Weight gradients from bf16 operands, summed in f32.
//
// at::mm would round the product to bf16, and a gradient that is added up over micro-batches in f32
// would lose what the buffer has bits for. The micro-kernel writes f32, but wants its second
// operand in pairs of rows (bf16_rows.h) and its first one with the summed dimension innermost. So
// b is laid out in pairs, a panel of rows at a time, which bounds the copy; bands of a^T are
// transposed by the thread that multiplies them. Every element is summed by one thread, panel after
// panel in order: the same bits for any number of threads. The extra passes cost one read and write
// of each operand.
#include "ops/cpu/bf16_products.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <memory>

#include "ops/cpu/bf16_tiles.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/products.h"

namespace superpose::ops::cpu {
namespace {

// Blocks of a product: kDepth x kColumns of b stay in the second-level cache.
constexpr std::int64_t kColumns = 512;
constexpr std::int64_t kDepth = 512;

// Rows of a and b that are summed over before the next ones: bounds the copy of b in words.
constexpr std::int64_t kPanel = 2048;

// Beyond the width of a transposed block, in words: with a power of two its rows would share a few
// sets of the first-level cache.
constexpr std::int64_t kPadding = 16;

// Multiply-adds, and moved elements, that are worth a thread.
constexpr std::int64_t kGrain = 1 << 20;
constexpr std::int64_t kMoveGrain = 1 << 16;

std::int64_t blocks_of(std::int64_t size, std::int64_t block) { return (size + block - 1) / block; }

struct Operand {
  const Bf16* data;
  std::int64_t width;

  Bf16Matrix from(std::int64_t row, std::int64_t column) const {
    return {data + row * width + column, width};
  }
};

Operand operand(const at::Tensor& x) {
  return {reinterpret_cast<const Bf16*>(x.const_data_ptr<at::BFloat16>()), x.size(1)};
}

// words [ceil(rows / 2), width] of rows of b.
void pair_panel(const Operand& b, std::int64_t first, std::int64_t rows, float* words) {
  constexpr std::int64_t kRows = 16;
  const std::int64_t grain = std::max<std::int64_t>(1, kMoveGrain / (kRows * b.width));
  at::parallel_for(0, blocks_of(rows, kRows), grain, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t row = begin * kRows;
    active_bf16_rows().pair(b.from(first + row, 0), std::min(rows, end * kRows) - row, b.width,
                            words + row / 2 * b.width, b.width);
  });
}

// Rows [begin, end) of a and b, and the words of those of b.
struct Panel {
  std::int64_t begin, end;
  const float* words;
};

// sum [M, K] += a^T b over a panel: each thread takes bands of rows of the sum.
void add_panel(const Operand& a, const Operand& b, const Panel& panel, float* sum) {
  // Narrow bands where there are few rows of the sum to share out.
  const std::int64_t band = a.width < 256 ? 32 : 64;
  const std::int64_t work = (panel.end - panel.begin) * band * b.width;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / work);
  at::parallel_for(0, blocks_of(a.width, band), grain, [&](std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t kStride = kDepth / 2 + kPadding;
    const auto transposed =
        std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(band * kStride));
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t first = index * band;
      const std::int64_t size = std::min(band, a.width - first);
      for (std::int64_t row = panel.begin; row < panel.end; row += kDepth) {
        const std::int64_t depth = std::min(kDepth, panel.end - row);
        transpose_bf16(a.from(row, first), depth, size, transposed.get(), kStride);
        const float* words = panel.words + (row - panel.begin) / 2 * b.width;
        for (std::int64_t column = 0; column < b.width; column += kColumns) {
          multiply_bf16({size, std::min(kColumns, b.width - column), depth},
                        {as_bf16(transposed.get()), 2 * kStride}, {words + column, b.width},
                        sum + first * b.width + column, b.width, Into::kSum);
        }
      }
    }
    release_micro_kernels();
  });
}

}  // namespace

bool has_bf16_products() {
  return has_micro_kernels() && has_fast_bf16_products() && avx512_in_force();
}

void bf16_add_transposed_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& sum) {
  const std::int64_t rows = a.size(0);
  const Operand left = operand(a);
  const Operand right = operand(b);
  const at::Tensor words =
      at::empty({pairs_of(std::min(rows, kPanel)), right.width}, sum.options());
  float* data = words.mutable_data_ptr<float>();
  for (std::int64_t row = 0; row < rows; row += kPanel) {
    const std::int64_t end = std::min(rows, row + kPanel);
    pair_panel(right, row, end - row, data);
    add_panel(left, right, {row, end, data}, sum.mutable_data_ptr<float>());
  }
}

}  // namespace superpose::ops::cpu
