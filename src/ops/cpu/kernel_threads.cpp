#include <algorithm>
#include <thread>
#include <vector>

#include "ops/cpu/parallel.h"
#include "ops/kernels.h"

namespace superpose::ops {

int kernel_threads() {
  const auto wanted = static_cast<std::size_t>(at::get_num_threads());
  std::vector<std::thread::id> ids(wanted);
  at::parallel_for(0, static_cast<std::int64_t>(wanted), 1,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i)
                       ids[static_cast<std::size_t>(i)] = std::this_thread::get_id();
                   });
  std::sort(ids.begin(), ids.end());
  return static_cast<int>(std::unique(ids.begin(), ids.end()) - ids.begin());
}

}  // namespace superpose::ops
