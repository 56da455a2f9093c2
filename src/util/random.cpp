// Counter-based random numbers, and a permutation that needs no table.
//
// Philox4x32-10 (Salmon et al. 2011) turns a 64-bit key and a 128-bit counter into 128 random bits
// in ten rounds of two multiplications. The counter is the index of the number wanted, so any
// element of a stream can be computed alone, on any thread.
//
// The permutation is a Feistel network over a square of side s, s^2 >= n: kFeistelRounds rounds add
// a Philox value of one half to the other, modulo s, and can be undone in reverse order. A result
// beyond n is sent through again ("cycle walking", Black and Rogaway 2002, "Ciphers with arbitrary
// finite domains"); since s^2 is hardly larger than n that is rare. Both directions cost O(1)
// expected time and no memory.
#include "util/random.h"

#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "util/error.h"
#include "util/hash.h"

namespace superpose::util {
namespace {

constexpr int kPhiloxRounds = 10;
constexpr std::uint64_t kFeistelRounds = 8;
constexpr double kTwoToMinus53 = 0x1p-53;

std::uint64_t join_words(std::uint32_t low, std::uint32_t high) {
  return (static_cast<std::uint64_t>(high) << 32) | low;
}

std::uint32_t low_word(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high_word(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

// Both normals of one block. One function for both, so that an element does not depend on its
// neighbours' presence.
std::pair<double, double> normal_pair(std::uint64_t key, std::uint64_t block) {
  const auto words = philox(key, block);
  // In (0, 1], so that the logarithm is finite.
  const double u = static_cast<double>((join_words(words[0], words[1]) >> 11) + 1) * kTwoToMinus53;
  const double v = static_cast<double>(join_words(words[2], words[3]) >> 11) * kTwoToMinus53;
  const double radius = std::sqrt(-2.0 * std::log(u));
  const double angle = 2.0 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

std::uint64_t square_side(std::uint64_t n) {
  auto side = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(n)));
  while (side * side >= n && side > 1) --side;
  while (side * side < n) ++side;
  return side;
}

}  // namespace

std::uint64_t stream_key(std::uint64_t seed, std::string_view purpose, std::string_view name) {
  std::string label(purpose);
  label += '\0';
  label += name;
  return hash64(label, seed);
}

std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low,
                                    std::uint64_t counter_high) {
  // Multipliers and Weyl constants of Salmon et al. 2011.
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
  constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85;

  std::array<std::uint32_t, 4> c = {low_word(counter_low), high_word(counter_low),
                                    low_word(counter_high), high_word(counter_high)};
  std::uint32_t key0 = low_word(key);
  std::uint32_t key1 = high_word(key);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const std::uint64_t product0 = kMultiplier0 * c[0];
    const std::uint64_t product1 = kMultiplier1 * c[2];
    c = {high_word(product1) ^ c[1] ^ key0, low_word(product1), high_word(product0) ^ c[3] ^ key1,
         low_word(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return c;
}

std::uint64_t random_bits(std::uint64_t key, std::uint64_t index) {
  const auto words = philox(key, index / 2);
  return index % 2 == 0 ? join_words(words[0], words[1]) : join_words(words[2], words[3]);
}

double uniform01(std::uint64_t key, std::uint64_t index) {
  return static_cast<double>(random_bits(key, index) >> 11) * kTwoToMinus53;
}

double normal(std::uint64_t key, std::uint64_t index) {
  const auto [even, odd] = normal_pair(key, index / 2);
  return index % 2 == 0 ? even : odd;
}

void fill_normal(std::span<float> values, std::uint64_t key, std::uint64_t first_index, double mean,
                 double standard_deviation) {
  const auto scaled = [&](double z) { return static_cast<float>(mean + standard_deviation * z); };
  std::size_t i = 0;
  if (first_index % 2 == 1 && !values.empty()) values[i++] = scaled(normal(key, first_index));
  for (; i + 1 < values.size(); i += 2) {
    const auto [even, odd] = normal_pair(key, (first_index + i) / 2);
    values[i] = scaled(even);
    values[i + 1] = scaled(odd);
  }
  if (i < values.size()) values[i] = scaled(normal(key, first_index + i));
}

FeistelPermutation::FeistelPermutation(std::uint64_t n, std::uint64_t key)
    : n_(n), key_(key), side_(0) {
  require(n >= 1 && n <= (std::uint64_t{1} << 62), "permutation: size must be in [1, 2^62], got ",
          n);
  side_ = square_side(n);
}

std::uint64_t FeistelPermutation::round_value(std::uint64_t half, std::uint64_t round) const {
  const auto words = philox(key_, half, round);
  return join_words(words[0], words[1]) % side_;
}

// One pass through the network on [0, side_^2): (left, right) -> (right, left + F(right)),
// kFeistelRounds times.
std::uint64_t FeistelPermutation::forward_once(std::uint64_t i) const {
  std::uint64_t left = i / side_;
  std::uint64_t right = i % side_;
  for (std::uint64_t round = 0; round < kFeistelRounds; ++round) {
    left = std::exchange(right, (left + round_value(right, round)) % side_);
  }
  return left * side_ + right;
}

std::uint64_t FeistelPermutation::backward_once(std::uint64_t j) const {
  std::uint64_t left = j / side_;
  std::uint64_t right = j % side_;
  for (std::uint64_t round = kFeistelRounds; round-- > 0;) {
    right = std::exchange(left, (right + side_ - round_value(left, round)) % side_);
  }
  return left * side_ + right;
}

std::uint64_t FeistelPermutation::operator()(std::uint64_t i) const {
  require(i < n_, "permutation: index must be below ", n_, ", got ", i);
  do i = forward_once(i);
  while (i >= n_);
  return i;
}

std::uint64_t FeistelPermutation::inverse(std::uint64_t j) const {
  require(j < n_, "permutation: index must be below ", n_, ", got ", j);
  do j = backward_once(j);
  while (j >= n_);
  return j;
}

}  // namespace superpose::util
