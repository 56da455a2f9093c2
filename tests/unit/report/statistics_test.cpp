#include "report/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <vector>

#include "util/error.h"

namespace superpose::report {
namespace {

// Tables of Student's t print five or six digits; half a unit of the last one.
TEST(StudentT, TabulatedQuantiles) {
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.70620, 5e-6);
  EXPECT_NEAR(student_t_quantile(0.975, 2), 4.302653, 5e-7);
  EXPECT_NEAR(student_t_quantile(0.975, 4), 2.776445, 5e-7);
  EXPECT_NEAR(student_t_quantile(0.975, 9), 2.262157, 5e-7);
  EXPECT_NEAR(student_t_quantile(0.95, 30), 1.697261, 5e-7);
  EXPECT_NEAR(student_t_quantile(0.995, 3), 5.840909, 5e-7);
  EXPECT_NEAR(student_t_quantile(0.975, 1000), 1.962339, 5e-7);
}

TEST(StudentT, ClosedFormsOfOneAndTwoDegrees) {
  for (const double p : {0.5001, 0.6, 0.75, 0.9, 0.99, 0.9999}) {
    const double cauchy = std::tan(std::acos(-1.0) * (p - 0.5));
    const double two = (2 * p - 1) / std::sqrt(2 * p * (1 - p));
    EXPECT_NEAR(student_t_quantile(p, 1) / cauchy, 1, 1e-9) << p;
    EXPECT_NEAR(student_t_quantile(p, 2) / two, 1, 1e-9) << p;
  }
}

TEST(StudentT, IsOddAboutOneHalfAndRefusesTheRest) {
  EXPECT_DOUBLE_EQ(student_t_quantile(0.025, 5), -student_t_quantile(0.975, 5));
  EXPECT_NEAR(student_t_quantile(0.5, 5), 0, 1e-15);
  EXPECT_THROW(student_t_quantile(1, 5), util::Error);
  EXPECT_THROW(student_t_quantile(0.9, 0.5), util::Error);
}

// Tables print seven digits; half a unit of the last one.
TEST(ChiSquare, TabulatedQuantiles) {
  EXPECT_NEAR(chi_square_quantile(0.95, 1), 3.841459, 5e-7);
  EXPECT_NEAR(chi_square_quantile(0.05, 1), 0.003932140, 5e-10);
  EXPECT_NEAR(chi_square_quantile(0.05, 2), 0.1025866, 5e-8);
  EXPECT_NEAR(chi_square_quantile(0.05, 5), 1.145476, 5e-7);
  EXPECT_NEAR(chi_square_quantile(0.05, 9), 3.325113, 5e-7);
  EXPECT_NEAR(chi_square_quantile(0.95, 10), 18.30704, 5e-6);
  EXPECT_NEAR(chi_square_quantile(0.05, 30), 18.49266, 5e-6);
  EXPECT_NEAR(chi_square_quantile(0.99, 100), 135.8067, 5e-5);
}

TEST(ChiSquare, ClosedFormOfTwoDegreesAndRefusals) {
  for (const double p : {1e-6, 0.01, 0.3, 0.632, 0.9, 0.9999}) {
    EXPECT_NEAR(chi_square_quantile(p, 2) / (-2 * std::log1p(-p)), 1, 1e-9) << p;
  }
  EXPECT_THROW(chi_square_quantile(0, 5), util::Error);
  EXPECT_THROW(chi_square_quantile(0.9, 0), util::Error);
}

TEST(SpreadOf, FourValuesByHand) {
  // Mean 3, squares 4 + 1 + 1 + 4 = 10; chi2(0.05, 3) = 0.3518463.
  const std::optional<Spread> spread = spread_of(std::vector<double>{1, 2, 4, 5});
  ASSERT_TRUE(spread.has_value());
  EXPECT_EQ(spread->count, 4);
  EXPECT_NEAR(spread->deviation, std::sqrt(10.0 / 3), 1e-14);
  EXPECT_NEAR(spread->upper, std::sqrt(10.0 / 0.3518463), 1e-6);
  EXPECT_FALSE(spread_of(std::vector<double>{1}).has_value());
}

TEST(PredictionInterval, ByHand) {
  // t(0.975, 5) = 2.570582.
  const Interval one = prediction_interval(0.04, 1, {0.01, 6});
  EXPECT_EQ(one.count, 1);
  EXPECT_NEAR(*one.high - 0.04, 2.570582 * 0.01 * std::sqrt(7.0 / 6), 1e-8);
  EXPECT_NEAR(0.04 - *one.low, *one.high - 0.04, 1e-15);
  const Interval two = prediction_interval(0.04, 2, {0.01, 6});
  EXPECT_NEAR(*two.high - 0.04, 2.570582 * 0.01 * std::sqrt(4.0 / 6), 1e-8);
  EXPECT_THROW(prediction_interval(0, 1, {0, 6}), util::Error);
  EXPECT_THROW(prediction_interval(0, 0, {1, 6}), util::Error);
  EXPECT_THROW(prediction_interval(0, 1, {1, 1}), util::Error);
}

TEST(MeanInterval, ThreeValuesByHand) {
  // Mean 2, standard deviation 1, so 2 +- 4.302653 / sqrt(3).
  const Interval interval = mean_interval(std::vector<double>{1, 2, 3});
  EXPECT_EQ(interval.count, 3);
  EXPECT_DOUBLE_EQ(interval.mean, 2);
  EXPECT_NEAR(*interval.low, 2 - 2.484138, 1e-6);
  EXPECT_NEAR(*interval.high, 2 + 2.484138, 1e-6);
}

TEST(MeanInterval, UnderThreeValuesThereIsNone) {
  const Interval two = mean_interval(std::vector<double>{1, 2});
  EXPECT_DOUBLE_EQ(two.mean, 1.5);
  EXPECT_FALSE(two.low.has_value());
  EXPECT_FALSE(mean_interval(std::vector<double>{}).high.has_value());
}

TEST(RatioInterval, IsTakenOnLogarithms) {
  const Interval interval = ratio_interval(std::vector<double>{1, 2, 4});
  EXPECT_NEAR(interval.mean, 2, 1e-14);
  const double reach = 4.302653 * std::log(2.0) / std::sqrt(3.0);
  EXPECT_NEAR(*interval.low, 2 * std::exp(-reach), 1e-6);
  EXPECT_NEAR(*interval.high, 2 * std::exp(reach), 1e-5);
  EXPECT_THROW(ratio_interval(std::vector<double>{1, 0}), util::Error);
}

const std::vector<CostPoint> kCurve = {{400, 1.0}, {100, 2.0}, {1600, 0.5}};  // in no order

TEST(CostAtLoss, IsLinearInLogarithmOfCost) {
  const ReachedCost half_way = cost_at_loss(kCurve, 1.5);
  EXPECT_EQ(half_way.reach, Reach::kInside);
  EXPECT_NEAR(half_way.cost, 200, 1e-10);  // geometric mean of 100 and 400
  EXPECT_NEAR(cost_at_loss(kCurve, 0.75).cost, 800, 1e-10);
  EXPECT_NEAR(cost_at_loss(kCurve, 1.0).cost, 400, 1e-10);
}

TEST(CostAtLoss, EndsOfTheRangeAreInsideAndNothingIsReadBeyondThem) {
  EXPECT_EQ(cost_at_loss(kCurve, 2.0).reach, Reach::kInside);
  EXPECT_EQ(cost_at_loss(kCurve, 2.0).cost, 100);
  EXPECT_EQ(cost_at_loss(kCurve, 0.5).reach, Reach::kInside);
  EXPECT_EQ(cost_at_loss(kCurve, 0.5).cost, 1600);
  EXPECT_EQ(cost_at_loss(kCurve, 2.1).reach, Reach::kBelowRange);
  EXPECT_EQ(cost_at_loss(kCurve, 2.1).cost, 100);
  EXPECT_EQ(cost_at_loss(kCurve, 0.4).reach, Reach::kNever);
  EXPECT_EQ(cost_at_loss(kCurve, 0.4).cost, 1600);
}

TEST(CostAtLoss, TakesTheLeastCostOfACurveThatGoesUpAndDown) {
  const std::vector<CostPoint> noisy = {{100, 2}, {200, 1}, {400, 1.5}, {800, 0.8}};
  EXPECT_NEAR(cost_at_loss(noisy, 1.25).cost, 100 * std::pow(2, 0.75), 1e-10);
  EXPECT_EQ(cost_at_loss({{100, 2.0}}, 1).reach, Reach::kNever);
  EXPECT_THROW(cost_at_loss({}, 1), util::Error);
  EXPECT_THROW(cost_at_loss({{0, 1.0}}, 1), util::Error);
}

TEST(LossAtCost, IsTheInverseAndStaysInsideTheRange) {
  EXPECT_NEAR(*loss_at_cost(kCurve, 200), 1.5, 1e-14);
  EXPECT_NEAR(*loss_at_cost(kCurve, 800), 0.75, 1e-14);
  EXPECT_EQ(loss_at_cost(kCurve, 1600 * (1 + 1e-7)), 0.5);
  EXPECT_FALSE(loss_at_cost(kCurve, 1601).has_value());
  EXPECT_FALSE(loss_at_cost(kCurve, 99).has_value());
}

}  // namespace
}  // namespace superpose::report
