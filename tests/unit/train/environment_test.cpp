#include "train/environment.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "util/json_fields.h"

namespace superpose::train {
namespace {

Environment sample() {
  return {.threads = 2,
          .ranks = 1,
          .micro_batch = 8,
          .device = "cpu",
          .precision = "bf16",
          .cpu = "some cpu",
          .kernels = "avx2",
          .libtorch = "2.13.0"};
}

TEST(Environment, JsonRoundTrip) {
  EXPECT_EQ(util::fields_from_json<Environment>(util::fields_to_json(sample()), "x"), sample());
}

TEST(Environment, DifferencesNameWhatChanged) {
  Environment now = sample();
  EXPECT_EQ(differences(sample(), now), "");
  now.ranks = 2;
  now.kernels = "avx512";
  EXPECT_EQ(differences(sample(), now), "ranks 1 -> 2, kernels avx2 -> avx512");
}

TEST(Environment, DifferencesNameOneLevelOfAllKernels) {
  Environment before = sample();
  Environment now = sample();
  before.kernels = "swiglu:avx512 rotary:avx512";
  now.kernels = "swiglu:avx2 rotary:avx2";
  EXPECT_EQ(differences(before, now), "kernels avx512 -> avx2");
  now.kernels = "swiglu:avx512 rotary:default";
  EXPECT_EQ(differences(before, now), "kernels avx512 -> swiglu:avx512 rotary:default");
  now.kernels = "swiglu:avx512";
  EXPECT_EQ(differences(before, now), "kernels swiglu:avx512 rotary:avx512 -> swiglu:avx512");
}

TEST(ThreadScope, PutsTheOldCountBack) {
  at::set_num_threads(2);
  {
    const ThreadScope scope(1);
    EXPECT_EQ(at::get_num_threads(), 1);
  }
  EXPECT_EQ(at::get_num_threads(), 2);
}

TEST(Environment, KnowsTheVersion) { EXPECT_EQ(libtorch_version().substr(0, 2), "2."); }

}  // namespace
}  // namespace superpose::train
