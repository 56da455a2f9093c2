// Random numbers without state: each is a function of a key and an index (Philox4x32-10; Salmon et
// al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Order, threads, devices and sharding
// cannot change them, and a checkpoint saves none.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace superpose::util {

// Key of the stream for one purpose ("init", "order", ...) and, where there are several, one name
// or number of it. Streams of different (seed, purpose, name) are independent for all practical
// ends.
std::uint64_t stream_key(std::uint64_t seed, std::string_view purpose, std::string_view name = "");

// One Philox4x32-10 block. The low word comes first in key and counter.
std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low,
                                    std::uint64_t counter_high = 0);

// 64 random bits. One block serves two indices: 2 k and 2 k + 1.
std::uint64_t random_bits(std::uint64_t key, std::uint64_t index);

// Uniform in [0, 1), a multiple of 2^-53.
double uniform01(std::uint64_t key, std::uint64_t index);

// Standard normal by Box-Muller in f64: indices 2 k and 2 k + 1 are the cosine and the sine of one
// pair.
double normal(std::uint64_t key, std::uint64_t index);

// values[i] = mean + standard_deviation * normal(key, first_index + i), rounded once to f32.
// Filling a range in parts gives the same bits as filling it at once.
void fill_normal(std::span<float> values, std::uint64_t key, std::uint64_t first_index,
                 double mean = 0.0, double standard_deviation = 1.0);

// A keyed permutation of [0, n) held in a few words: a Feistel network on a square grid that just
// covers [0, n), with cycle walking. Both directions take O(1) expected time.
class FeistelPermutation {
 public:
  // 1 <= n <= 2^62; throws Error otherwise.
  FeistelPermutation(std::uint64_t n, std::uint64_t key);

  std::uint64_t size() const { return n_; }
  // Image of i and preimage of j; both < n, checked.
  std::uint64_t operator()(std::uint64_t i) const;
  std::uint64_t inverse(std::uint64_t j) const;

 private:
  std::uint64_t round_value(std::uint64_t half, std::uint64_t round) const;
  std::uint64_t forward_once(std::uint64_t i) const;
  std::uint64_t backward_once(std::uint64_t j) const;

  std::uint64_t n_;
  std::uint64_t key_;
  std::uint64_t side_;  // side_ * side_ >= n_
};

}  // namespace superpose::util
