#include "util/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "util/random.h"

namespace superpose::util {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("steps", "steps"), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("setps", "steps"), 1u);
  EXPECT_EQ(edit_distance("ab", "ba"), 1u);
}

TEST(NearestName, TakesTheFirstOfTheNearest) {
  const std::vector<std::string> names = {"beta1", "beta2", "eps"};
  EXPECT_EQ(nearest_name("beta", names), "beta1");
  EXPECT_EQ(nearest_name("epz", names), "eps");
  EXPECT_EQ(nearest_name("x", std::vector<std::string>{}), "");
}

TEST(FormatDouble, AlwaysReadsAsANumberWithPointOrExponent) {
  EXPECT_EQ(format_double(3), "3.0");
  EXPECT_EQ(format_double(-0.0), "-0.0");
  EXPECT_EQ(format_double(0.1), "0.1");
  EXPECT_EQ(format_double(1e-8), "1e-08");
  EXPECT_EQ(format_double(1e300), "1e+300");
  EXPECT_EQ(format_double(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(format_double(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(format_double(std::nan("")), "nan");
}

TEST(FormatDouble, ReadsBackExactly) {
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const double value = std::bit_cast<double>(random_bits(17, i));
    if (!std::isfinite(value)) continue;
    const double back = std::strtod(format_double(value).c_str(), nullptr);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(value));
  }
}

TEST(Fixed, HasThatManyDigits) {
  EXPECT_EQ(fixed(3.14159, 2), "3.14");
  EXPECT_EQ(fixed(-0.5, 0), "-0");
  EXPECT_EQ(fixed(std::numeric_limits<double>::max(), 6).size(), 309u + 1 + 6);
  EXPECT_EQ(fixed(std::nan(""), 2), "nan");
}

TEST(WithCommas, GroupsByThree) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(-1234), "-1,234");
  EXPECT_EQ(with_commas(-123), "-123");
}

TEST(FormatCount, ThreeSignificantDigits) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1.00K");
  EXPECT_EQ(format_count(12'345'678), "12.3M");
  EXPECT_EQ(format_count(1'500'000'000), "1.50B");
  EXPECT_EQ(format_count(2'000'000'000'000), "2.00T");
  EXPECT_EQ(format_count(-2500), "-2.50K");
}

TEST(FormatCount, RoundsIntoTheNextUnit) {
  EXPECT_EQ(format_count(9'994), "9.99K");
  EXPECT_EQ(format_count(9'996), "10.0K");
  EXPECT_EQ(format_count(99'960), "100K");
  EXPECT_EQ(format_count(999'499), "999K");
  EXPECT_EQ(format_count(999'500), "1.00M");
}

TEST(FormatFlops, ThreeSignificantDigits) {
  EXPECT_EQ(format_flops(0), "0.00 MFLOP");
  EXPECT_EQ(format_flops(3.5e6), "3.50 MFLOP");
  EXPECT_EQ(format_flops(1.148e14), "115 TFLOP");
  EXPECT_EQ(format_flops(9.996e14), "1.00 PFLOP");
}

TEST(FormatDuration, TwoUnits) {
  EXPECT_EQ(format_duration(0), "0 ms");
  EXPECT_EQ(format_duration(0.85), "850 ms");
  EXPECT_EQ(format_duration(0.9999), "1.0 s");
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(59.97), "1 m 00 s");
  EXPECT_EQ(format_duration(245), "4 m 05 s");
  EXPECT_EQ(format_duration(3599.6), "1 h 00 m");
  EXPECT_EQ(format_duration(3720), "1 h 02 m");
  EXPECT_EQ(format_duration(86'390), "1 d 00 h");
  EXPECT_EQ(format_duration(273'600), "3 d 04 h");
  EXPECT_EQ(format_duration(-3), "-3.0 s");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "unknown");
}

TEST(FormatBytes, PowersOf1024) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.50 KiB");
  EXPECT_EQ(format_bytes(1024 * 1024 - 1), "1.00 MiB");
  EXPECT_EQ(format_bytes(3'435'973'837), "3.20 GiB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "16.0 EiB");
}

TEST(Counted, SaysOneInTheSingular) {
  EXPECT_EQ(counted(1, "expert"), "1 expert");
  EXPECT_EQ(counted(0, "expert"), "0 experts");
  EXPECT_EQ(counted(20'000, "step"), "20,000 steps");
}

TEST(Shortened, EndsWithAWholeCharacter) {
  const std::string short_enough(60, 'a');
  EXPECT_EQ(shortened(short_enough), short_enough);
  EXPECT_EQ(shortened(short_enough + "b"), short_enough + "...");
  const std::string one_less(59, 'a');
  EXPECT_EQ(shortened(one_less + "\u00e9b"), one_less + "...");
}

TEST(Join, PutsTheSeparatorBetween) {
  EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
  EXPECT_EQ(join(std::vector<std::string>{"a"}, ", "), "a");
  EXPECT_EQ(join(std::vector<std::string>{"a", "b", ""}, ", "), "a, b, ");
}

}  // namespace
}  // namespace superpose::util
