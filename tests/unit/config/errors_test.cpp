#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "sample_recipe.h"
#include "support/names.h"

namespace superpose::config {
namespace {

using test::names;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The message of reading `toml`, after which the target must be as it was.
std::string error_of(const std::string& toml) {
  SampleRecipe recipe = unusual_recipe();
  try {
    read(recipe, "recipe.toml", toml);
  } catch (const util::Error& error) {
    EXPECT_EQ(recipe, unusual_recipe());
    return error.what();
  }
  return "no error";
}

struct Case {
  std::string toml;
  std::vector<std::string> parts;
};

void expect_messages(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_THAT(error_of(c.toml), names(c.parts)) << c.toml;
}

TEST(RecipeErrors, UnknownKeyNamesTheNearestOne) {
  expect_messages({
      {"[optim]\n\nlearning_rte = 1",
       {"recipe.toml:3", "optim.learning_rte", "unknown key", "optim.learning_rate"}},
      {"optim.lr = 1", {"recipe.toml:1", "optim.lr", "unknown key", "optim.learning_rate"}},
      {"[train]\nlearning_rate = 1",
       {"recipe.toml:2", "train.learning_rate", "unknown key", "optim.learning_rate"}},
      {"steps = 1", {"recipe.toml:1", "steps", "unknown key", "train.steps"}},
      {"[optm]\neps = 1", {"recipe.toml:1", "optm", "unknown key", "optim"}},
      {"[optim.scalling]\nfactor = 1",
       {"recipe.toml:1", "optim.scalling", "unknown key", "optim.scaling"}},
      {"[optim.scaling]\nfaktor = 1",
       {"recipe.toml:2", "optim.scaling.faktor", "unknown key", "optim.scaling.factor"}},
      {"[[phases]]\nsteps = 1\n[[phases]]\nsteps = 1\nbagsize = 2",
       {"recipe.toml:5", "phases[1].bagsize", "unknown key", "phases[1].bag_size"}},
      {"phases = [{steps = 1},\n {bags = 1}]",
       {"recipe.toml:2", "phases[1].bags", "unknown key", "phases[1].bag_size"}},
      {"phasess = []", {"recipe.toml:1", "phasess", "unknown key", "phases"}},
      {"[[fases]]\nsteps = 1", {"recipe.toml:1", "fases", "unknown key", "phases"}},
      {"[train]\nop = 1", {"recipe.toml:2", "train.op", "unknown key", "train.steps"}},
      {"[[compare.arms]]\nname = 'a'\n[[compare.arms]]\noverides = {}",
       {"recipe.toml:4", "compare.arms[1].overides", "unknown key", "compare.arms[1].overrides"}},
  });
}

// The message of reading `toml` with names that people bring along.
std::string error_with_synonyms(const std::string& toml) {
  constexpr Synonym kKeys[] = {{"lr", "optim.learning_rate"},
                               {"s", "phases[].bag_size"},
                               {"optimizer", "optim"},
                               {"elsewhere", "no.such_key"}};
  constexpr Synonym kChoices[] = {
      {"rising_slowly", "rising"}, {"rise", "no such choice"}, {"steep", "rising", "with eps = 1"}};
  SampleRecipe recipe;
  try {
    read(recipe, "recipe.toml", toml, {}, {.keys = kKeys, .choices = kChoices});
  } catch (const util::Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(RecipeErrors, SynonymsComeBeforeNamesThatLookAlike) {
  for (const auto& [toml, meant] : std::vector<std::pair<std::string, std::string>>{
           {"[train]\nlr = 1", "optim.learning_rate"},
           {"LR = 1", "optim.learning_rate"},
           {"[optim]\nlearning-rate = 1", "optim.learning_rate"},
           {"[[phases]]\nsteps = 1\n[[phases]]\ns = 1", "phases[1].bag_size"},
           {"[optimizer]\neps = 1", "optim"},
           {"[optim]\nshape = 'rising-slowly'", "\"rising\""},
           // What the table says but nobody has is not suggested.
           {"[train]\nelsewhere = 1", "train.seeds"},
           {"[optim]\nshape = 'rise'", "\"rising\""}}) {
    EXPECT_THAT(error_with_synonyms(toml), names(meant));
  }
  EXPECT_THAT(error_with_synonyms("[optim]\nshape = 'steep'"), names("\"rising\"", "eps = 1"));
}

TEST(RecipeErrors, WrongTypeNamesBoth) {
  expect_messages({
      {"[train]\nsteps = 1.5", {"recipe.toml:2", "train.steps", "integer", "1.5"}},
      {"[train]\nsteps = \"1\"", {"recipe.toml:2", "train.steps", "integer", "\"1\""}},
      {"[train]\ntied = 1", {"recipe.toml:2", "train.tied", "true", "false", "1"}},
      {"[train]\nname = 1", {"recipe.toml:2", "train.name", "string", "1"}},
      {"[train]\nname = 1979-05-27", {"recipe.toml:2", "train.name", "string", "date"}},
      {"[train]\nseeds = 1", {"recipe.toml:2", "train.seeds", "list", "integers", "1"}},
      {"[train]\nseeds = [1,\n 2.5]", {"recipe.toml:3", "train.seeds[1]", "integer", "2.5"}},
      {"[train]\nrates = ['x']", {"recipe.toml:2", "train.rates[0]", "number", "\"x\""}},
      {"[train]\nsources = 'x'",
       {"recipe.toml:2", "train.sources", "list", "strings", "[\"a\", \"b\"]", "\"x\""}},
      {"[train]\nmicro_batch = 'none'",
       {"recipe.toml:2", "train.micro_batch", "integer", "\"auto\"", "\"none\""}},
      {"[optim]\nclip = true", {"recipe.toml:2", "optim.clip", "number", "true"}},
      {"[optim]\nlearning_rate = '3e-3'",
       {"recipe.toml:2", "optim.learning_rate", "number", "\"3e-3\""}},
      {"optim = 3", {"recipe.toml:1", "optim", "table", "3"}},
      {"[phases]\nsteps = 3", {"recipe.toml:1", "phases", "[[phases]]", "{steps = 3}"}},
      {"phases = [3]", {"recipe.toml:1", "phases[0]", "table", "3"}},
      {"[[compare.arms]]\noverrides = 1",
       {"recipe.toml:2", "compare.arms[0].overrides", "table", "recipe keys", "1"}},
  });
}

TEST(RecipeErrors, NumberMustBeFinite) {
  expect_messages({{"[optim]\neps = inf", {"recipe.toml:2", "optim.eps", "finite", "inf"}},
                   {"optim.eps = nan", {"recipe.toml:1", "optim.eps", "finite", "nan"}}});
}

TEST(RecipeErrors, LongValueIsNotShown) {
  EXPECT_THAT(error_of("[train]\nsteps = \"" + std::string(100, 'x') + "\""),
              names("recipe.toml:2", "train.steps", "integer", "too long"));
}

TEST(RecipeErrors, UnknownChoiceListsThem) {
  expect_messages({
      {"[optim]\nshape = 'rissing'",
       {"recipe.toml:2", "optim.shape", "\"flat\"", "\"rising\"", "\"falling\"", "\"rissing\""}},
      {"[optim]\nshape = 1",
       {"recipe.toml:2", "optim.shape", "\"flat\"", "\"rising\"", "\"falling\"", "1"}},
  });
}

TEST(RecipeErrors, ImpossibleValueIsFoundAtItsLine) {
  expect_messages({
      {"[optim]\neps = 1\nlearning_rate = -1",
       {"recipe.toml:3", "optim.learning_rate", "> 0", "-1"}},
      // This validate() names the key relative to its section.
      {"[optim]\nlearning_rate = 1\neps = 0", {"recipe.toml:3", "optim.eps", "> 0", "0"}},
      {"[[phases]]\nsteps = 1\n[[phases]]\nsteps = 1\nbag_size = 0",
       {"recipe.toml:5", "phases[1].bag_size", ">= 1", "0"}},
      // Keys that are missing are blamed on the entry that misses them.
      {"[[phases]]\nsteps = 1\n\n[[phases]]\nbag_size = 2",
       {"recipe.toml:4", "phases[1].share", "share or steps", "neither"}},
      // Found only once all sections are read.
      {"[train]\nsteps = 10\n\n[[phases]]\nsteps = 11",
       {"recipe.toml:4", "phases[0]", "11", "train.steps = 10"}},
  });
}

TEST(RecipeErrors, ValueThatTheFileDoesNotGiveHasNoLine) {
  SampleRecipe recipe;
  recipe.optim.learning_rate = -1;
  try {
    read(recipe, "recipe.toml", "[optim]\nwarmup_steps = 1\n");
    FAIL() << "no error";
  } catch (const util::Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(names("optim.learning_rate", "> 0", "-1"), Not(HasSubstr("recipe.toml"))));
  }
}

TEST(RecipeErrors, BrokenTomlNamesTheLine) {
  for (const auto& [toml, line] :
       std::vector<std::pair<std::string, int>>{{"[train]\nsteps = \n", 2},
                                                {"[train]\nsteps = 1\nsteps = 2\n", 3},
                                                {"[train\n", 1},
                                                {"a = 1\n[train]\nname = \"open\n", 3},
                                                {"x = \"\xff\xfe\"", 1}}) {
    EXPECT_THAT(error_of(toml), names("recipe.toml:" + std::to_string(line), "valid TOML")) << toml;
  }
}

}  // namespace
}  // namespace superpose::config
