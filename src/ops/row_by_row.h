// Linear layers whose results do not depend on what else is in a batch.
#pragma once

namespace superpose::ops {

// While one lives, the products of linear layers that this thread starts (linear.h,
// recomputed_linear.h, expert_mlp.h, forward, f32, on a CPU) give each row the same bits whatever
// other rows there are, how many they are, and for any number of threads. Without it the fastest
// product may sum a row in another order when there are more of them. Other types and devices are
// as always.
class RowByRow {
 public:
  RowByRow();
  ~RowByRow();
  RowByRow(const RowByRow&) = delete;
  RowByRow& operator=(const RowByRow&) = delete;

 private:
  bool before_;
};

// Whether one lives in this thread.
bool is_row_by_row();

}  // namespace superpose::ops
