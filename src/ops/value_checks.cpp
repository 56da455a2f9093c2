#include "ops/value_checks.h"

#include <ATen/ops/_assert_async.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/lt.h>
#include <c10/util/Exception.h>

namespace superpose::ops {

void check_all(const std::string& rule, const at::Tensor& holds) {
  if (holds.is_cpu()) {
    TORCH_CHECK_VALUE(holds.all().item<bool>(), rule);
  } else {
    at::_assert_async(holds.all(), rule);
  }
}

void check_values(const std::string& rule, const at::Tensor& values, const at::Tensor& holds) {
  if (values.numel() == 0) return;
  if (!values.is_cpu()) {
    at::_assert_async(holds.all(), rule);
    return;
  }
  const at::Tensor wrong = values.masked_select(holds.logical_not());
  TORCH_CHECK_VALUE(wrong.numel() == 0, rule, ", got ", wrong[0].item());
}

void check_ids(const std::string& rule, const at::Tensor& ids, std::int64_t low, std::int64_t high,
               std::int64_t also) {
  check_values(rule, ids, ids.ge(low).logical_and(ids.lt(high)).logical_or(ids.eq(also)));
}

}  // namespace superpose::ops
