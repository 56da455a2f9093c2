// Attention over cached keys and values: the kernel at every instruction set and the composed form
// against causal attention over whole sequences.
#include "ops/cached_attention.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <limits>

#include "ops/causal_attention.h"
#include "ops_test_support.h"
#include "support/names.h"

namespace superpose::ops {
namespace {

using superpose::test::names;
using test::difference;
using test::epsilon;
using test::uniform;
using ::testing::HasSubstr;

struct Shape {
  std::int64_t length, heads, kv_heads, width;
};

// Blocks of a task, 16 rows, of one position and of several; odd widths; every kind of groups.
const std::vector<Shape> kShapes = {{1, 1, 1, 1},  {17, 2, 1, 8},   {33, 3, 3, 24},
                                    {40, 6, 2, 5}, {70, 32, 1, 16}, {129, 4, 2, 80}};

struct Sequence {
  at::Tensor q, k, v;  // [1, L, H or K, h]
  at::Tensor range(const at::Tensor& x, std::int64_t begin, std::int64_t end) const {
    return x.narrow(1, begin, end - begin);
  }
};

Sequence make_sequence(const Shape& s, at::ScalarType type, std::uint64_t seed) {
  const auto make = [&](std::int64_t heads, std::uint64_t part) {
    return uniform({1, s.length, heads, s.width}, at::kBFloat16, 3 * seed + part).to(type);
  };
  return {make(s.heads, 0) * 4, make(s.kv_heads, 1), make(s.kv_heads, 2)};
}

// What a slot held before must not matter: it is not a number.
KeyValueSlots make_cache(const Shape& s, std::int64_t slots, std::int64_t capacity,
                         at::ScalarType type) {
  const auto make = [&] {
    return at::full({slots, s.kv_heads, capacity, s.width},
                    std::numeric_limits<double>::quiet_NaN(), type);
  };
  return {make(), make()};
}

at::Tensor indices(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}

// One sequence in `slot`, cut into calls of `step` positions.
at::Tensor in_calls(const Sequence& x, const KeyValueSlots& cache, std::int64_t slot,
                    std::int64_t step) {
  std::vector<at::Tensor> parts;
  for (std::int64_t begin = 0; begin < x.q.size(1); begin += step) {
    const std::int64_t end = std::min(begin + step, x.q.size(1));
    parts.push_back(cached_attention(x.range(x.q, begin, end), x.range(x.k, begin, end),
                                     x.range(x.v, begin, end), cache, indices({slot}),
                                     indices({begin})));
  }
  return at::cat(parts, 1);
}

TEST(CachedAttention, IsCausalAttentionOfTheWholeSequence) {
  for (const Shape& s : kShapes) {
    const Sequence exact = make_sequence(s, at::kDouble, 1);
    const at::Tensor expected = causal_attention(exact.q, exact.k, exact.v);
    for (const at::ScalarType type : test::kTypes) {
      const Sequence x = make_sequence(s, type, 1);
      const double tolerance = 40 * epsilon(type);
      test::for_each_isa([&] {
        const KeyValueSlots cache = make_cache(s, 2, s.length + 3, type);
        const at::Tensor out = in_calls(x, cache, 1, s.length);
        EXPECT_EQ(out.scalar_type(), type);
        EXPECT_LE(difference(out, expected), tolerance) << s.length << " of " << s.width;
        EXPECT_LE(difference(in_calls(x, cache, 0, 1), expected), tolerance);
        EXPECT_TRUE(cache.keys[1].narrow(1, s.length, 3).isnan().all().item<bool>());
      });
    }
  }
}

// Sequences of different lengths, in slots of another order: the same bits as each alone, whole or
// in parts, on one thread or three.
TEST(CachedAttention, GivesEachRowTheBitsThatItHasAlone) {
  const Shape shape{61, 6, 2, 24};
  test::for_each_isa([&] {
    std::vector<at::Tensor> alone;
    std::vector<Sequence> sequences;
    const KeyValueSlots cache = make_cache(shape, 3, shape.length, at::kFloat);
    const std::vector<std::int64_t> slots = {2, 0, 1};
    const std::vector<std::int64_t> starts = {40, 7, 23};
    for (std::size_t i = 0; i < slots.size(); ++i) {
      sequences.push_back(make_sequence(shape, at::kFloat, i + 5));
      const Sequence& x = sequences.back();
      const KeyValueSlots own = make_cache(shape, 1, shape.length, at::kFloat);
      const test::Threads one(1);
      alone.push_back(in_calls(x, own, 0, shape.length));
      EXPECT_TRUE(in_calls(x, own, 0, 5).equal(alone.back()));
      const Sequence begin{x.range(x.q, 0, starts[i]), x.range(x.k, 0, starts[i]),
                           x.range(x.v, 0, starts[i])};
      in_calls(begin, cache, slots[i], starts[i]);
    }
    constexpr std::int64_t kNew = 9;
    const auto joined = [&](auto member) {
      std::vector<at::Tensor> parts;
      for (std::size_t i = 0; i < slots.size(); ++i) {
        parts.push_back(sequences[i].range(sequences[i].*member, starts[i], starts[i] + kNew));
      }
      return at::cat(parts, 0);
    };
    const test::Threads three(3);
    const at::Tensor out =
        cached_attention(joined(&Sequence::q), joined(&Sequence::k), joined(&Sequence::v), cache,
                         indices(slots), indices(starts));
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      EXPECT_TRUE(out[row].equal(alone[i][0].narrow(0, starts[i], kNew))) << i;
    }
  });
}

TEST(CachedAttention, RefusesWhatDoesNotFit) {
  const Shape s{4, 2, 1, 8};
  const Sequence x = make_sequence(s, at::kFloat, 1);
  const auto error = [&](const KeyValueSlots& cache, std::int64_t slot, std::int64_t start) {
    return test::value_error(
        [&] { cached_attention(x.q, x.k, x.v, cache, indices({slot}), indices({start})); });
  };
  const KeyValueSlots cache = make_cache(s, 2, 6, at::kFloat);
  EXPECT_EQ(error(cache, 1, 2), "");
  EXPECT_THAT(error(cache, 1, 3), names("starts", "[0, 2]", "3"));
  EXPECT_THAT(error(cache, 2, 0), names("slots", "[0, 2)", "2"));
  EXPECT_THAT(error(make_cache(s, 2, 6, at::kDouble), 0, 0), names("cache", "Double"));
  EXPECT_THAT(error(make_cache({4, 2, 2, 8}, 2, 6, at::kFloat), 0, 0), HasSubstr("a cache"));
  const at::Tensor two = at::cat({x.q, x.q});
  EXPECT_THAT(test::value_error([&] {
                cached_attention(two, at::cat({x.k, x.k}), at::cat({x.v, x.v}), cache,
                                 indices({1, 1}), indices({0, 0}));
              }),
              names("slots", "differ"));
  const at::Tensor none = at::empty({0, 4, 2, 8});
  EXPECT_EQ(cached_attention(none, at::empty({0, 4, 1, 8}), at::empty({0, 4, 1, 8}), cache,
                             indices({}), indices({}))
                .sizes(),
            at::IntArrayRef({0, 4, 16}));
}

}  // namespace
}  // namespace superpose::ops
