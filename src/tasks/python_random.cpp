// What Python 3 draws for a seed: Lib/random.py (sample, _randbelow_with_getrandbits) and
// Modules/_randommodule.c (init_by_array, after Matsumoto and Nishimura's mt19937ar.c).
#include "tasks/python_random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <sstream>
#include <unordered_set>

namespace superpose::tasks {
namespace {

constexpr std::size_t kWords = 624;
using State = std::array<std::uint32_t, kWords>;

State init_by_number(std::uint32_t seed) {
  State state{};
  state[0] = seed;
  for (std::size_t i = 1; i < kWords; ++i) {
    const std::uint32_t previous = state[i - 1];
    state[i] = 1812433253U * (previous ^ (previous >> 30)) + static_cast<std::uint32_t>(i);
  }
  return state;
}

State init_by_array(const std::vector<std::uint32_t>& key) {
  State state = init_by_number(19650218U);
  std::size_t i = 1;
  const auto advance = [&] {
    if (++i == kWords) {
      state[0] = state[kWords - 1];
      i = 1;
    }
  };
  const auto mixed = [&](std::uint32_t factor) {
    return state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * factor);
  };
  for (std::size_t step = 0, j = 0; step < std::max(kWords, key.size()); ++step) {
    state[i] = mixed(1664525U) + key[j] + static_cast<std::uint32_t>(j);
    advance();
    j = (j + 1) % key.size();
  }
  for (std::size_t step = 0; step < kWords - 1; ++step) {
    state[i] = mixed(1566083941U) - static_cast<std::uint32_t>(i);
    advance();
  }
  state[0] = 0x80000000U;
  return state;
}

}  // namespace

PythonRandom::PythonRandom(std::uint64_t seed) {
  std::vector<std::uint32_t> key{static_cast<std::uint32_t>(seed)};
  if (seed >> 32 != 0) key.push_back(static_cast<std::uint32_t>(seed >> 32));
  std::ostringstream text;
  for (const std::uint32_t word : init_by_array(key)) text << word << ' ';
  text << kWords;  // the next number begins a new block
  std::istringstream(text.str()) >> twister_;
}

std::size_t PythonRandom::below(std::size_t limit) {
  const auto bits = static_cast<int>(std::bit_width(limit));
  std::size_t drawn = limit;
  while (drawn >= limit) drawn = twister_() >> (32 - bits);
  return drawn;
}

std::vector<std::size_t> PythonRandom::sample(std::size_t size, std::size_t count) {
  std::vector<std::size_t> result(count);
  // Python chooses by what takes less memory there: a list of all, or a set of those drawn.
  double set_size = 21;
  if (count > 5) {
    set_size += std::pow(4, std::ceil(std::log(static_cast<double>(count * 3)) / std::log(4)));
  }
  if (static_cast<double>(size) <= set_size) {
    std::vector<std::size_t> pool(size);
    std::iota(pool.begin(), pool.end(), std::size_t{0});
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t j = below(size - i);
      result[i] = pool[j];
      pool[j] = pool[size - i - 1];
    }
    return result;
  }
  std::unordered_set<std::size_t> selected;
  for (std::size_t& index : result) {
    do {
      index = below(size);
    } while (!selected.insert(index).second);
  }
  return result;
}

}  // namespace superpose::tasks
