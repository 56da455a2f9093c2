#include "util/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "util/error.h"

namespace superpose::util {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Known answers of the authors' library Random123 (kat_vectors, philox4x32 with 10 rounds).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox(0, 0, 0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint64_t ones = ~std::uint64_t{0};
  EXPECT_EQ(philox(ones, ones, ones), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomBits, TwoIndicesShareABlock) {
  EXPECT_EQ(random_bits(0, 0), 0xe169c58d6627e8d5u);
  EXPECT_EQ(random_bits(0, 1), 0x9b00dbd8bc57ac4cu);
}

TEST(StreamKey, DependsOnEveryPart) {
  const std::set<std::uint64_t> keys = {stream_key(1, "init", "a"),  stream_key(2, "init", "a"),
                                        stream_key(1, "order", "a"), stream_key(1, "init", "b"),
                                        stream_key(1, "inita"),      stream_key(1, "init")};
  EXPECT_EQ(keys.size(), 6u);
}

TEST(StreamKey, IsTheSameInEveryVersion) {
  // A changed value would give every recorded run other weights and another order.
  EXPECT_EQ(stream_key(1234, "order"), 6948714506857920465u);
}

TEST(Uniform, MomentsAndRange) {
  constexpr std::uint64_t kCount = 200'000;
  double sum = 0.0;
  double squares = 0.0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double u = uniform01(stream_key(5, "test"), i);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
  }
  // Five standard errors: sd(u) = sqrt(1/12), sd(u^2) = sqrt(4/45).
  const double root = std::sqrt(static_cast<double>(kCount));
  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 5 * std::sqrt(4.0 / 45) / root);
}

TEST(Normal, MomentsAndTails) {
  constexpr std::uint64_t kCount = 200'000;
  const std::uint64_t key = stream_key(6, "test");
  double sum = 0.0;
  double squares = 0.0;
  double fourths = 0.0;
  double neighbours = 0.0;
  int beyond_two = 0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double z = normal(key, i);
    ASSERT_TRUE(std::isfinite(z));
    sum += z;
    squares += z * z;
    fourths += z * z * z * z;
    neighbours += z * normal(key, i + 1);
    beyond_two += std::abs(z) > 2.0 ? 1 : 0;
  }
  // Five standard errors: var(z) = 1, var(z^2) = 2, var(z^4) = 96, var(z z') = 1.
  const double error = 5 / std::sqrt(static_cast<double>(kCount));
  EXPECT_NEAR(sum / kCount, 0.0, error);
  EXPECT_NEAR(squares / kCount, 1.0, error * std::sqrt(2.0));
  EXPECT_NEAR(fourths / kCount, 3.0, error * std::sqrt(96.0));
  EXPECT_NEAR(neighbours / kCount, 0.0, error);
  const double share = std::erfc(2.0 / std::sqrt(2.0));
  EXPECT_NEAR(beyond_two / static_cast<double>(kCount), share, error * std::sqrt(share));
}

TEST(FillNormal, AnySplitGivesTheSameBits) {
  const std::uint64_t key = stream_key(3, "init", "w");
  constexpr std::uint64_t kFirst = 11;
  std::vector<float> whole(257);
  fill_normal(whole, key, kFirst, 0.5, 0.02);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::vector<float> pieces(whole.size());
    fill_normal(std::span(pieces).first(cut), key, kFirst, 0.5, 0.02);
    fill_normal(std::span(pieces).subspan(cut), key, kFirst + cut, 0.5, 0.02);
    ASSERT_EQ(pieces, whole) << "cut at " << cut;
  }
}

TEST(FillNormal, ElementIsTheScaledNormalOfItsIndex) {
  std::vector<float> values(9);
  fill_normal(values, 42, 4, -1.0, 3.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], static_cast<float>(-1.0 + 3.0 * normal(42, 4 + i)));
  }
}

TEST(Feistel, IsABijectionWithItsInverseForManySizes) {
  std::vector<std::uint64_t> sizes = {1000, 1023, 1024, 1025, 4095, 4096, 4097, 65'536, 99'991};
  for (std::uint64_t n = 1; n <= 130; ++n) sizes.push_back(n);
  for (const std::uint64_t n : sizes) {
    const FeistelPermutation permutation(n, stream_key(n, "test"));
    std::vector<bool> seen(n, false);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t image = permutation(i);
      ASSERT_LT(image, n) << "n = " << n;
      ASSERT_FALSE(seen[image]) << "n = " << n << ", i = " << i;
      seen[image] = true;
      ASSERT_EQ(permutation.inverse(image), i) << "n = " << n;
    }
  }
}

TEST(Feistel, InverseHoldsForHugeSizes) {
  for (const std::uint64_t n :
       {std::uint64_t{1} << 62, (std::uint64_t{1} << 61) + 12345, std::uint64_t{10'000'000'019}}) {
    const FeistelPermutation permutation(n, 99);
    for (std::uint64_t i = 0; i < 50; ++i) {
      const std::uint64_t at = i * (n / 50);
      ASSERT_LT(permutation(at), n);
      ASSERT_EQ(permutation.inverse(permutation(at)), at);
      ASSERT_EQ(permutation(permutation.inverse(n - 1 - i)), n - 1 - i);
    }
  }
}

// Over many keys each element must be equally likely at each place.
TEST(Feistel, EveryPlaceIsEquallyLikely) {
  constexpr std::uint64_t kSize = 7;
  constexpr int kKeys = 7000;
  std::vector<int> counts(kSize * kSize, 0);
  for (std::uint64_t key = 0; key < kKeys; ++key) {
    const FeistelPermutation permutation(kSize, stream_key(key, "test"));
    for (std::uint64_t i = 0; i < kSize; ++i) ++counts[i * kSize + permutation(i)];
  }
  double chi_square = 0.0;
  constexpr double kExpected = static_cast<double>(kKeys) / kSize;
  for (const int count : counts)
    chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  // (7 - 1)^2 degrees of freedom: mean 36, standard deviation sqrt(72); five of them above.
  EXPECT_LT(chi_square, 36 + 5 * std::sqrt(72.0));
}

TEST(Feistel, KeysGiveDifferentOrdersAndNeighboursPart) {
  constexpr std::uint64_t kSize = 10'000;
  const FeistelPermutation first(kSize, 1);
  const FeistelPermutation second(kSize, 2);
  int same = 0;
  int adjacent = 0;
  for (std::uint64_t i = 0; i + 1 < kSize; ++i) {
    same += first(i) == second(i) ? 1 : 0;
    adjacent += first(i) + 1 == first(i + 1) ? 1 : 0;
  }
  // Both counts are Poisson with mean 1 for random orders; P(X > 10) < 1e-7.
  EXPECT_LE(same, 10);
  EXPECT_LE(adjacent, 10);
}

TEST(Feistel, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(FeistelPermutation(0, 1), Error);
  EXPECT_THROW(FeistelPermutation((std::uint64_t{1} << 62) + 1, 1), Error);
  const FeistelPermutation permutation(5, 1);
  EXPECT_THROW(permutation(5), Error);
  EXPECT_THROW(permutation.inverse(5), Error);
}

}  // namespace
}  // namespace superpose::util
