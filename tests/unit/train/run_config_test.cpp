#include "train/run_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/config.h"
#include "support/error_of.h"
#include "support/names.h"
#include "util/files.h"

namespace superpose::train {
namespace {

using test::names;
using ::testing::HasSubstr;

RunConfig read(const std::string& text) {
  RunConfig config;
  config::read(config, "recipe.toml", text);
  return config;
}

std::string error_of(const std::string& text) {
  return test::error_of([&] { read(text); });
}

TEST(RunConfig, DefaultIsBagsOfSixForThreeTenths) {
  const RunConfig config;
  const auto phases = superposition::make_phases(config.phases, 1000);
  ASSERT_EQ(phases.size(), 2U);
  EXPECT_EQ(phases[0].num_steps, 300);
  EXPECT_EQ(phases[0].bags.bag_size, 6);
  EXPECT_EQ(phases[0].bags.target_size, 6);
  EXPECT_TRUE(phases[1].bags.is_ntp());
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

std::string error_of_task(const std::string& keys) {
  return error_of("[evaluation]\n[[evaluation.tasks]]\n" + keys);
}

TEST(RunConfig, TasksAndPromptsAreCheckedByLineAndKey) {
  EXPECT_THAT(error_of_task("name = \"bolq\"\ndata = \"d\"\n"),
              names("recipe.toml:3", "evaluation.tasks[0].name", "boolq"));
  EXPECT_THAT(error_of_task("data = \"d\"\n"), HasSubstr("evaluation.tasks[0].name: "));
  EXPECT_THAT(error_of_task("name = \"piqa\"\n"), HasSubstr("evaluation.tasks[0].data: "));
  EXPECT_THAT(error_of_task("name = \"piqa\"\ndata = \"d\"\nevery = -1\n"),
              names("recipe.toml:5", "evaluation.tasks[0].every", "-1"));
  EXPECT_THAT(error_of_task("name = \"piqa\"\ndata = \"d\"\nsamples = -2\n"),
              names("recipe.toml:5", "evaluation.tasks[0].samples", "-2"));
  EXPECT_THAT(error_of_task("name = \"lambada_openai@2\"\ndata = \"d\"\n"),
              HasSubstr("few_shot.files"));
  EXPECT_THAT(error_of_task("name = \"piqa\"\ndata = \"d\"\nshot = 1\n"),
              names("recipe.toml:5", "evaluation.tasks[0].shot", "unknown key"));
  const std::string piqa = "name = \"piqa\"\ndata = \"d\"\n";
  EXPECT_THAT(error_of_task(piqa + "[[evaluation.tasks]]\n" + piqa),
              HasSubstr("evaluation.tasks[1].name: "));
  EXPECT_THAT(error_of("[evaluation]\nsample_tokens = 0\n"),
              names("recipe.toml:2", "evaluation.sample_tokens", ">= 1", "0"));
  const RunConfig config = read(
      "[evaluation]\nprompts = [\"a\"]\n[[evaluation.tasks]]\n"
      "name = \"./own.toml@3\"\nevery = 0\n");
  EXPECT_EQ(config.evaluation.tasks.at(0).name, "./own.toml@3") << "its data lies next to it";
  EXPECT_EQ(config::settings(read(config::to_toml(config))), config::settings(config));
  for (const util::Setting& setting : config::settings(config)) {
    const bool is_new = setting.key == "evaluation.tasks" || setting.key == "evaluation.prompts";
    EXPECT_TRUE(!is_new || setting.operational) << setting.key;
  }
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
                  "train.threads", "evaluation.every", "checkpoint.every", "checkpoint.keep",
                  "checkpoint.at_switch", "log.every", "log.tensorboard"));
}

TEST(RunConfig, ImpossibleValuesAreNamed) {
  EXPECT_THAT(error_of("[train]\nsteps = 0"), names("train.steps", ">= 1", "0"));
  EXPECT_THAT(error_of("[train]\nbatch_positions = 100\nsequence_length = 64"),
              names("train.sequence_length", "64", "100"));
  EXPECT_THAT(error_of("[train]\nmicro_batch = 0"), HasSubstr("train.micro_batch"));
  EXPECT_THAT(error_of("[train]\nseed = -1"), HasSubstr("train.seed"));
  EXPECT_THAT(error_of("[train]\nthreads = -1"), HasSubstr("train.threads"));
  EXPECT_THAT(error_of("[checkpoint]\nkeep = -1"), HasSubstr("checkpoint.keep"));
  EXPECT_THAT(error_of("[log]\nevery = 0"), HasSubstr("log.every"));
  EXPECT_THAT(error_of("[run]\ndir = \"\""), HasSubstr("run.dir"));
  EXPECT_THAT(error_of("[evaluation]\nwindows = 1"), HasSubstr("evaluation.windows"));
}

TEST(RunConfig, ValidationSetsKeepTheirOrderAndHaveOneThatIsHeldOutByDefault) {
  const RunConfig plain;
  ASSERT_EQ(plain.validation.size(), 1U);
  EXPECT_EQ(plain.validation[0].name, "held_out");
  EXPECT_TRUE(plain.validation[0].is_held_out());

  const RunConfig config = read(
      "[[validation]]\nname = \"books\"\nsources = [\"b/*.txt\"]\n[[validation]]\nname = "
      "\"rest\"\n");
  ASSERT_EQ(config.validation.size(), 2U);
  EXPECT_EQ(config.validation[0].sources, std::vector<std::string>{"b/*.txt"});
  EXPECT_TRUE(config.validation[1].is_held_out());
  EXPECT_EQ(config::settings(read(config::to_toml(config))), config::settings(config));
}

TEST(RunConfig, TheExampleOfTheDocumentationIsARecipe) {
  const std::string page = util::read_file(SUPERPOSE_SOURCE_DIR "/docs/formats/validation.md");
  const std::string fence = "```toml\n";
  const std::size_t begin = page.find(fence) + fence.size();
  const RunConfig config = read(page.substr(begin, page.find("```", begin) - begin));
  ASSERT_EQ(config.validation.size(), 2U);
  EXPECT_TRUE(config.validation[0].is_held_out());
  EXPECT_EQ(config.validation[1].name, "prose");
  EXPECT_TRUE(config.data.reset_attention && config.data.reset_positions);
  EXPECT_EQ(config.evaluation.windows, 256);
}

TEST(RunConfig, ImpossibleValidationSetsAreNamedWithTheirPlace) {
  EXPECT_THAT(error_of("[[validation]]\nname = \"My set\"\n"),
              names("recipe.toml:2", "validation[0].name", "a-z", "My set"));
  EXPECT_THAT(error_of("[[validation]]\nname = \"\"\n"), HasSubstr("validation[0].name"));
  EXPECT_THAT(error_of("[[validation]]\nname = \"a\"\n[[validation]]\nname = \"a\"\n"
                       "sources = [\"x\"]\n"),
              names("recipe.toml:4", "validation[1].name", "a", "twice"));
  EXPECT_THAT(error_of("[[validation]]\nname = \"a\"\n[[validation]]\nname = \"b\"\n"),
              names("none", "a", "b"));
  EXPECT_THAT(error_of("validation = []\n"), names("validation", "one set"));
  EXPECT_THAT(error_of("[data]\nvalidation = [\"x\"]\n[[validation]]\nname = \"a\"\n"
                       "sources = [\"y\"]\n"),
              names("data.validation", "[[validation]]"));
  EXPECT_THAT(error_of("[[validation]]\nname = \"a\"\nsources = [\"x\"]\n"
                       "document_separator = '\\section'\n"),
              names("recipe.toml:4", "validation[0].document_separator", "backslash", "\\n"));
}

TEST(RunConfig, TheSectionOfOldRecipesIsRefusedWithItsNewName) {
  EXPECT_THAT(
      error_of("[validation]\nevery = 100\n"),
      names("validation", "[[validation]]", "{every = 100}", "[evaluation]", "evaluation.every"));
  EXPECT_THAT(error_of("[validation]\nwindows = 100\n"), HasSubstr("evaluation.windows?"));
  EXPECT_THAT(error_of("[phases]\nbag_size = 4\n"), names("phases", "[[phases]]", "table"));
}

}  // namespace
}  // namespace superpose::train
