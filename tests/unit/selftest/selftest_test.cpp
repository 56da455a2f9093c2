#include "selftest/selftest.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "ops/kernels.h"
#include "selftest/operator_checks.h"

namespace superpose::selftest {
namespace {

using ::testing::HasSubstr;

TEST(Check, FailsAboveWhatIsAllowedAndWhereNothingWasMeasured) {
  EXPECT_TRUE((Check{.measured = 1, .allowed = 1}.passed()));
  EXPECT_FALSE((Check{.measured = 1.1, .allowed = 1}.passed()));
  EXPECT_FALSE(
      (Check{.measured = std::numeric_limits<double>::quiet_NaN(), .allowed = 1}.passed()));
  EXPECT_FALSE((Check{.failure = "cannot be started"}.passed()));
}

TEST(OperatorChecks, HoldOnEveryLevelOfThisCpu) {
  for (const std::string& level : ops::available_isa_levels()) {
    ops::set_isa_override(level);
    const std::vector<Check> checks = check_operators(at::kCPU);
    EXPECT_EQ(checks.size(), 24U);
    for (const Check& check : checks) {
      EXPECT_TRUE(check.passed()) << level << ": " << check.name << ' ' << check.measured << " > "
                                  << check.allowed << check.failure;
      EXPECT_GT(check.measured, 0) << "exact to the last bit is no comparison: " << check.name;
    }
  }
  ops::set_isa_override("auto");
}

TEST(OperatorChecks, ANumberThatIsNotFiniteIsNeverForgotten) {
  const at::Tensor fine = at::ones({2}, at::kDouble);
  const at::Tensor nan = at::full({2}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  EXPECT_EQ(worst_error({fine, fine * 1.25}, {fine, fine}), 0.25);
  for (const auto& results : {std::vector{nan, fine}, std::vector{fine, nan}, std::vector{fine}}) {
    EXPECT_TRUE(std::isinf(worst_error(results, {fine, fine})));
  }
}

TEST(OperatorChecks, NameWhatADeviceCannotDo) {
  for (const Check& check : check_operators(at::kMeta)) {
    EXPECT_FALSE(check.passed()) << check.name;
    EXPECT_FALSE(check.failure.empty()) << check.name;
  }
}

TEST(Print, OneLineACheckAndTheVerdict) {
  Result result;
  result.device = "cpu";
  result.checks = {{.name = "swiglu f32", .measured = 1e-7, .allowed = 1e-5, .unit = "error"},
                   {.name = "steps in bf16", .failure = "no memory\nat line 3"}};
  std::ostringstream out;
  print(out, result);
  EXPECT_THAT(out.str(), HasSubstr("1e-07 <= 1e-05 error"));
  EXPECT_THAT(out.str(), HasSubstr("no memory\n"));
  EXPECT_THAT(out.str(), HasSubstr("1 of 2 checks FAILED"));
  EXPECT_FALSE(result.passed());
  EXPECT_FALSE(to_json(result, {}).at("checks").at(1).at("passed").get<bool>());
}

}  // namespace
}  // namespace superpose::selftest
