// Python's random.Random, as far as few-shot examples are drawn by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace superpose::tasks {

// random.Random(seed): the Mersenne Twister, seeded by init_by_array.
class PythonRandom {
 public:
  explicit PythonRandom(std::uint64_t seed);

  // random.sample(range(size), count), for count <= size.
  std::vector<std::size_t> sample(std::size_t size, std::size_t count);

 private:
  // random._randbelow(limit), limit >= 1 and below 2^32.
  std::size_t below(std::size_t limit);

  std::mt19937 twister_;
};

}  // namespace superpose::tasks
