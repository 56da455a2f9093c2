#include "checkpoint/optimizer_state.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace superpose::checkpoint {
namespace {

using test::names;
using testing::HasSubstr;

StateRange stretch(std::int64_t begin, std::int64_t end, const std::string& state = "exp_avg") {
  return {.state = state,
          .parameter = "model.norm.weight",
          .begin = begin,
          .values = at::arange(begin, end, at::kFloat)};
}

class OptimizerStateTest : public testing::Test {
 protected:
  OptimizerState saved(const std::vector<StateRange>& ranges) {
    return saved_tensors(to_named_tensors(ranges));
  }
  OptimizerState saved_tensors(const std::vector<NamedTensor>& tensors) {
    const auto path = dir_ / std::to_string(count_++);
    write_safetensors(path, tensors, {});
    return OptimizerState(SafetensorsFile(path));
  }
  static at::Tensor load(const OptimizerState& state, std::int64_t begin, std::int64_t end) {
    const at::Tensor out = at::zeros({end - begin});
    state.copy_to("exp_avg", "model.norm.weight", begin, out);
    return out;
  }
  std::string error_of(const std::vector<NamedTensor>& tensors) {
    return test::error_of([&] { saved_tensors(tensors); });
  }

 private:
  const test::TempDir dir_;
  int count_ = 0;
};

TEST_F(OptimizerStateTest, NamesAStretchByItsElements) {
  const auto named = to_named_tensors({stretch(16, 64)});
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named[0].name, "exp_avg/model.norm.weight[16:64]");
}

// Saved by 1, 2, 3 ranks or unevenly; loaded by any other number.
TEST_F(OptimizerStateTest, AnySplitLoadsAnySplit) {
  const std::vector<std::vector<std::int64_t>> splits = {
      {0, 60}, {0, 30, 60}, {0, 20, 40, 60}, {0, 1, 2, 59, 60}, {0, 0, 60, 60}};
  for (const auto& cuts : splits) {
    std::vector<StateRange> ranges;
    for (std::size_t i = cuts.size() - 1; i > 0; --i) {
      if (cuts[i - 1] < cuts[i]) ranges.push_back(stretch(cuts[i - 1], cuts[i]));
      ranges.push_back(stretch(cuts[i - 1], cuts[i], "exp_avg_sq"));
      if (ranges.back().values.numel() == 0) ranges.pop_back();
    }
    const OptimizerState state = saved(ranges);
    EXPECT_TRUE(state.contains("exp_avg_sq", "model.norm.weight"));
    for (const std::int64_t parts : {1, 2, 3, 4, 60}) {
      for (std::int64_t part = 0; part < parts; ++part) {
        const std::int64_t begin = 60 * part / parts;
        const std::int64_t end = 60 * (part + 1) / parts;
        EXPECT_TRUE(load(state, begin, end).equal(at::arange(begin, end, at::kFloat)));
      }
    }
  }
}

TEST_F(OptimizerStateTest, NamesWhatIsMissing) {
  const OptimizerState state = saved({stretch(0, 20), stretch(30, 60)});
  const auto error = [&](std::int64_t begin, std::int64_t end) {
    return test::error_of([&] { load(state, begin, end); });
  };
  EXPECT_EQ(error(0, 20), "");
  EXPECT_EQ(error(35, 60), "");
  EXPECT_THAT(error(0, 21), names("exp_avg/model.norm.weight", "element 20"));
  EXPECT_THAT(error(25, 40), names("element 25"));
  EXPECT_THAT(error(50, 61), names("element 60"));
  EXPECT_FALSE(state.contains("exp_avg", "model.embed_tokens.weight"));
  EXPECT_THROW(state.copy_to("exp_avg", "other", 0, at::zeros({1})), util::Error);
}

TEST_F(OptimizerStateTest, RefusesOverlapAndOtherNames) {
  const at::Tensor two = at::zeros({2});
  EXPECT_EQ(error_of({{"s/p[0:2]", two}, {"s/p[2:4]", two}}), "");
  EXPECT_THAT(error_of({{"s/p[0:2]", two}, {"s/p[1:3]", two}}), HasSubstr("s/p[1:3]: overlaps"));
  EXPECT_THAT(error_of({{"s/p[0:3]", two}}), names("s/p[0:3]", "range"));
  for (const char* name : {"p[0:2]", "s/p", "s/p[0:2", "s/p0:2]", "s/p[02]", "s/p[:2]", "s/p[0:]",
                           "s/p[-2:0]", "s/p[2:0]", "s/p[0:2 ]", "s/p[0:99999999999999999999]"}) {
    EXPECT_THAT(error_of({{name, two}}), names(name)) << name;
  }
  EXPECT_THROW(to_named_tensors({{"a/b", "p", 0, two}}), util::Error);
  EXPECT_THROW(to_named_tensors({{"s", "p", 0, two.view({2, 1})}}), util::Error);
}

}  // namespace
}  // namespace superpose::checkpoint
