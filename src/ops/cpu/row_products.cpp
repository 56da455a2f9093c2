// Rows of a batch against a weight, panel by panel: a panel of the weight's rows stays in the
// second-level cache while the rows of x pass over it. Panels are cut by the weight's shape alone,
// and an element is one thread's dot product (row_dots.h), so its bits depend on nothing else.
#include "ops/cpu/row_products.h"

#include <algorithm>

#include "ops/cpu/parallel.h"
#include "ops/cpu/row_dots.h"

namespace superpose::ops::cpu {
namespace {

// Elements of a panel, and most rows of the weight in one.
constexpr std::int64_t kPanel = 1 << 16;
constexpr std::int64_t kMostRows = 128;

// Multiply-adds that are worth a thread.
constexpr std::int64_t kGrain = 1 << 17;

}  // namespace

void row_product_transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out) {
  const std::int64_t depth = x.size(1);
  const std::int64_t rows = x.size(0);
  const std::int64_t columns = weight.size(0);
  // A multiple of every block of columns.
  const std::int64_t panel =
      std::clamp<std::int64_t>(kPanel / std::max<std::int64_t>(1, depth) / 8 * 8, 8, kMostRows);
  const std::int64_t work = std::max<std::int64_t>(1, rows * panel * depth);
  const float* in = x.const_data_ptr<float>();
  const float* matrix = weight.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, (columns + panel - 1) / panel, std::max<std::int64_t>(1, kGrain / work),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::int64_t first = i * panel;
                       row_dots({rows, std::min(panel, columns - first), depth}, {in, depth},
                                {matrix + first * depth, depth}, to + first, columns);
                     }
                   });
}

}  // namespace superpose::ops::cpu
