// Linear layers whose results do not depend on what else is in a batch.
#pragma once

namespace superpose::ops {

// How a row by itself is multiplied. Each way has bits of its own.
enum class RowWay {
  kAny,     // the fastest product: not by itself
  kDots,    // an element is a dot product (cpu/row_dots.h): a few rows, as fast as memory
  kBlocks,  // rows in blocks of one size (cpu/block_products.h): many rows, as fast as the CPU
};

// While one lives, the products of linear layers that this thread starts (linear.h,
// recomputed_linear.h, expert_mlp.h, forward, f32, on a CPU) give each row the same bits whatever
// other rows there are, how many they are, and for any number of threads. Without it the fastest
// product may sum a row in another order when there are more of them. Other types and devices are
// as always.
class RowByRow {
 public:
  explicit RowByRow(RowWay way = RowWay::kDots);
  ~RowByRow();
  RowByRow(const RowByRow&) = delete;
  RowByRow& operator=(const RowByRow&) = delete;

 private:
  RowWay before_;
};

// That of the innermost one in this thread; kAny without.
RowWay row_way();

}  // namespace superpose::ops
