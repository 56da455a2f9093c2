#include "train/run_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/config.h"
#include "util/error.h"

namespace superpose::train {
namespace {

using ::testing::HasSubstr;

RunConfig read(const std::string& text) {
  RunConfig config;
  config::read(config, "recipe.toml", text);
  return config;
}

std::string error_of(const std::string& text) {
  try {
    read(text);
  } catch (const util::Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(RunConfig, DefaultIsBagsOfSixForThreeTenths) {
  const RunConfig config;
  const auto phases = superposition::make_phases(config.phases, 1000);
  ASSERT_EQ(phases.size(), 2U);
  EXPECT_EQ(phases[0].num_steps, 300);
  EXPECT_EQ(phases[0].bag_size, 6);
  EXPECT_EQ(phases[0].target_size, 6);
  EXPECT_TRUE(phases[1].is_ntp());
  config.train.validate();
}

TEST(RunConfig, ResolvedRecipeReadsBackTheSame) {
  RunConfig config = read(
      "[train]\nsteps = 77\nmicro_batch = 4\nprecision = \"bf16\"\n"
      "[[phases]]\nbag_size = 4\nsteps = 10\n[[phases]]\nbag_size = 2\nshare = 0.1\n");
  EXPECT_EQ(config.train.steps, 77);
  EXPECT_EQ(config.train.micro_batch, 4);
  EXPECT_EQ(config.phases.size(), 2U);
  const RunConfig again = read(config::to_toml(config));
  EXPECT_EQ(config::settings(again), config::settings(config));
}

TEST(RunConfig, OperationalKeysAreThoseThatMayChangeAtAResume) {
  std::vector<std::string> operational;
  for (const util::Setting& setting : config::settings(RunConfig{})) {
    if (setting.operational) operational.push_back(setting.key);
  }
  EXPECT_THAT(operational,
              ::testing::UnorderedElementsAre(
                  "run.dir", "data.site_packages", "data.cache_dir", "data.shard_tokens",
                  "data.threads", "data.prefetch", "train.micro_batch", "train.recompute_every",
                  "train.threads", "validation.every", "checkpoint.every", "checkpoint.keep",
                  "checkpoint.at_switch", "log.every", "log.tensorboard"));
}

TEST(RunConfig, ImpossibleValuesAreNamed) {
  EXPECT_THAT(error_of("[train]\nsteps = 0"), HasSubstr("train.steps: must be >= 1, got 0"));
  EXPECT_THAT(error_of("[train]\nbatch_positions = 100\nsequence_length = 64"),
              HasSubstr("multiple of train.sequence_length (64), got 100"));
  EXPECT_THAT(error_of("[train]\nmicro_batch = 0"), HasSubstr("train.micro_batch"));
  EXPECT_THAT(error_of("[train]\nseed = -1"), HasSubstr("train.seed"));
  EXPECT_THAT(error_of("[train]\nthreads = -1"), HasSubstr("train.threads"));
  EXPECT_THAT(error_of("[checkpoint]\nkeep = -1"), HasSubstr("checkpoint.keep"));
  EXPECT_THAT(error_of("[log]\nevery = 0"), HasSubstr("log.every"));
  EXPECT_THAT(error_of("[run]\ndir = \"\""), HasSubstr("run.dir"));
  EXPECT_THAT(error_of("[validation]\nwindows = 1"), HasSubstr("validation.windows"));
}

}  // namespace
}  // namespace superpose::train
