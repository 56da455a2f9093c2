// Rows of a batch against a weight, in blocks of kRows rows: the last one is filled up with zeros.
// So a tile product has one size for all blocks of a weight's panel, and a row of it depends on
// that row alone. Panels are cut by the weight's shape alone, and an element is summed by one
// thread; so its bits depend on neither the other rows nor the threads.
//
// With AMX an f32 value is split into three bf16 ones, which hold its 24 bits:
//
//   x = x0 + x1 + x2,  w = w0 + w1 + w2
//   x w = x0 w0 + (x0 w1 + x1 w0) + (x0 w2 + x1 w1 + x2 w0) + less than f32 rounds off
//
// Products of two bf16 values are exact in f32, and sums are in f32: the error is that of f32
// products (Henry, Tang and Heinecke 2019, "Leveraging the bfloat16 artificial intelligence
// datatype for higher-precision computations"). Six products in bf16 take less time than one in
// f32. Parts of a weight that are zero, as those of one stored in bf16 are, are left out.
#include "ops/cpu/block_products.h"

#include <algorithm>
#include <array>
#include <memory>

#include "ops/cpu/attention_tiles.h"
#include "ops/cpu/bf16_products.h"
#include "ops/cpu/bf16_tiles.h"
#include "ops/cpu/parallel.h"
#include "ops/kernels.h"

namespace superpose::ops::cpu {
namespace {

constexpr std::int64_t kRows = 64;

// Columns of a panel: whole tiles, as many as leave each thread several panels.
constexpr std::int64_t kUnit = 32;
constexpr std::int64_t kMostColumns = 128;
constexpr std::int64_t kPanels = 16;

// Multiply-adds that are worth a thread.
constexpr std::int64_t kGrain = 1 << 20;

std::int64_t rounded_up(std::int64_t size, std::int64_t unit) {
  return (size + unit - 1) / unit * unit;
}

std::int64_t columns_of_panel(std::int64_t columns) {
  return std::clamp(columns / kPanels / kUnit * kUnit, kUnit, kMostColumns);
}

// x as it is; its last block in a copy.
class F32Rows {
 public:
  F32Rows(const Matrix& x, std::int64_t rows, std::int64_t depth)
      : x_(x), whole_(rows / kRows), depth_(depth), last_(rows % kRows == 0 ? 0 : kRows * depth) {
    const std::int64_t first = whole_ * kRows;
    if (first == rows) return;
    std::fill_n(last_.data(), kRows * depth, 0.0F);
    copy_rows(rows_from(x, first), rows - first, depth, last_.data(), depth);
  }

  Matrix block(std::int64_t index) const {
    return index < whole_ ? rows_from(x_, index * kRows) : Matrix{last_.data(), depth_};
  }

 private:
  Matrix x_;
  std::int64_t whole_, depth_;
  Buffer last_;
};

// Columns of weight^T in f32.
class F32Panel {
 public:
  F32Panel(std::int64_t columns, std::int64_t depth) : depth_(depth), values_(depth * columns) {}

  void take(const Matrix& weight, std::int64_t columns) {
    columns_ = columns;
    transpose(weight, columns, depth_, values_.data(), columns);
  }

  void multiply(const F32Rows& rows, std::int64_t block, float* out, std::int64_t stride) const {
    tile_product({kRows, columns_, depth_}, rows.block(block), {values_.data(), columns_}, out,
                 stride, Into::kEmpty);
  }

  void release() const {}

 private:
  std::int64_t depth_, columns_ = 0;
  Buffer values_;
};

constexpr std::size_t kParts = 3;

// Rows of f32 as kParts matrices of bf16, each row filled up with zeros to whole tiles.
class SplitRows {
 public:
  SplitRows(std::int64_t rows, std::int64_t depth)
      : depth_(depth), stride_(rounded_up(depth, kUnit)), rows_(rows) {
    for (auto& part : parts_) {
      part = std::make_unique_for_overwrite<Bf16[]>(static_cast<std::size_t>(rows * stride_));
    }
  }
  SplitRows(const Matrix& x, std::int64_t rows, std::int64_t depth)
      : SplitRows(rounded_up(rows, kRows), depth) {
    at::parallel_for(0, rows_, kRows, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        if (row < rows) {
          take(row, x.data + row * x.stride);
        } else {
          for (auto& part : parts_) std::fill_n(part.get() + row * stride_, stride_, Bf16{0});
        }
      }
    });
  }

  std::int64_t depth() const { return stride_; }

  // Whether a part holds anything: of parts 1 and 2.
  std::array<bool, kParts> take(std::int64_t row, const float* from) {
    const std::int64_t begin = row * stride_;
    for (auto& part : parts_) std::fill(&part[begin + depth_], &part[begin] + stride_, Bf16{0});
    const std::uint32_t found = active_bf16_rows().split(from, depth_, &parts_[0][begin],
                                                         &parts_[1][begin], &parts_[2][begin]);
    return {true, (found & 0xffffU) != 0, found >> 16 != 0};
  }

  Bf16Matrix part(std::size_t index, std::int64_t first_row) const {
    return {parts_[index].get() + first_row * stride_, stride_};
  }

 private:
  std::int64_t depth_, stride_, rows_;
  std::array<std::unique_ptr<Bf16[]>, kParts> parts_;
};

// Columns of weight^T as kParts matrices of words (bf16_rows.h).
class SplitPanel {
 public:
  SplitPanel(std::int64_t columns, std::int64_t depth)
      : turned_(kTurned, depth),
        parts_{Buffer(words() * columns), Buffer(words() * columns), Buffer(words() * columns)} {}

  void take(const Matrix& weight, std::int64_t columns) {
    columns_ = columns;
    holds_ = {true, false, false};
    for (std::int64_t first = 0; first < columns; first += kTurned) {
      const std::int64_t count = std::min(kTurned, columns - first);
      for (std::int64_t i = 0; i < count; ++i) {
        const auto found = turned_.take(i, weight.data + (first + i) * weight.stride);
        for (std::size_t p = 1; p < kParts; ++p) holds_[p] = holds_[p] || found[p];
      }
      for (std::size_t p = 0; p < kParts; ++p) {
        const auto* from = reinterpret_cast<const float*>(turned_.part(p, 0).data);
        transpose({from, words()}, count, words(), parts_[p].data() + first, columns);
      }
    }
  }

  // The least products first.
  void multiply(const SplitRows& rows, std::int64_t block, float* out, std::int64_t stride) const {
    Into into = Into::kEmpty;
    for (std::size_t sum = kParts; sum-- > 0;) {
      for (std::size_t p = 0; p <= sum; ++p) {
        if (!holds_[p]) continue;
        multiply_bf16({kRows, columns_, rows.depth()}, rows.part(sum - p, block * kRows),
                      {parts_[p].data(), columns_}, out, stride, into);
        into = Into::kSum;
      }
    }
  }

  void release() const { release_micro_kernels(); }

 private:
  static constexpr std::int64_t kTurned = 16;  // rows of the weight that are split at once

  std::int64_t words() const { return turned_.depth() / 2; }

  SplitRows turned_;
  std::array<Buffer, kParts> parts_;
  std::array<bool, kParts> holds_{};
  std::int64_t columns_ = 0;
};

template <class Rows, class Panel>
void multiply(const ProductSize& size, const Matrix& x, const Matrix& weight, float* out) {
  const Rows rows(x, size.rows, size.depth);
  const std::int64_t most = columns_of_panel(size.columns);
  const std::int64_t work = rounded_up(size.rows, kRows) * most * size.depth;
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    Panel panel(most, size.depth);
    Buffer last(kRows * most);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * most;
      const std::int64_t columns = std::min(most, size.columns - first);
      panel.take(rows_from(weight, first), columns);
      for (std::int64_t row = 0; row < size.rows; row += kRows) {
        float* const to = out + row * size.columns + first;
        const std::int64_t count = std::min(kRows, size.rows - row);
        if (count == kRows) {
          panel.multiply(rows, row / kRows, to, size.columns);
        } else {
          panel.multiply(rows, row / kRows, last.data(), columns);
          copy_rows({last.data(), columns}, count, columns, to, size.columns);
        }
      }
    }
    panel.release();
  };
  at::parallel_for(0, (size.columns + most - 1) / most, std::max<std::int64_t>(1, kGrain / work),
                   run);
}

}  // namespace

bool splits_into_bf16() {
  static const bool kHasTiles = native_bf16() == "amx_bf16";
  return kHasTiles && has_bf16_products();
}

void block_product_transposed(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& out) {
  const ProductSize size{x.size(0), weight.size(0), x.size(1)};
  const Matrix left{x.const_data_ptr<float>(), size.depth};
  const Matrix right{weight.const_data_ptr<float>(), size.depth};
  auto* const to = out.mutable_data_ptr<float>();
  if (splits_into_bf16()) {
    multiply<SplitRows, SplitPanel>(size, left, right, to);
  } else {
    multiply<F32Rows, F32Panel>(size, left, right, to);
  }
}

}  // namespace superpose::ops::cpu
