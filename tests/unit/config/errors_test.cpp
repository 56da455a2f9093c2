#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "sample_recipe.h"

namespace superpose::config {
namespace {

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
  std::string message;
};

void expect_messages(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_EQ(error_of(c.toml), "recipe.toml:" + c.message) << c.toml;
}

TEST(RecipeErrors, UnknownKeyNamesTheNearestOne) {
  expect_messages({
      {"[optim]\n\nlearning_rte = 1",
       "3: optim.learning_rte: unknown key, did you mean optim.learning_rate?"},
      {"optim.lr = 1", "1: optim.lr: unknown key, did you mean optim.learning_rate?"},
      {"[train]\nlearning_rate = 1",
       "2: train.learning_rate: unknown key, did you mean optim.learning_rate?"},
      {"steps = 1", "1: steps: unknown key, did you mean train.steps?"},
      {"[optm]\neps = 1", "1: optm: unknown key, did you mean optim?"},
      {"[optim.scalling]\nfactor = 1",
       "1: optim.scalling: unknown key, did you mean optim.scaling?"},
      {"[optim.scaling]\nfaktor = 1",
       "2: optim.scaling.faktor: unknown key, did you mean optim.scaling.factor?"},
      {"[[phases]]\nsteps = 1\n[[phases]]\nsteps = 1\nbagsize = 2",
       "5: phases[1].bagsize: unknown key, did you mean phases[1].bag_size?"},
      {"phases = [{steps = 1},\n {bags = 1}]",
       "2: phases[1].bags: unknown key, did you mean phases[1].bag_size?"},
      {"phasess = []", "1: phasess: unknown key, did you mean phases?"},
      {"[[fases]]\nsteps = 1", "1: fases: unknown key, did you mean phases?"},
      {"[train]\nop = 1", "2: train.op: unknown key, did you mean train.steps?"},
      {"[[compare.arms]]\nname = 'a'\n[[compare.arms]]\noverides = {}",
       "4: compare.arms[1].overides: unknown key, did you mean compare.arms[1].overrides?"},
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
  const auto suggests = [](const std::string& name) { return "did you mean " + name + "?"; };
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
    EXPECT_TRUE(error_with_synonyms(toml).ends_with(suggests(meant))) << error_with_synonyms(toml);
  }
  const std::string with_more = error_with_synonyms("[optim]\nshape = 'steep'");
  EXPECT_TRUE(with_more.ends_with("the nearest is \"rising\" with eps = 1")) << with_more;
}

TEST(RecipeErrors, WrongTypeNamesBoth) {
  expect_messages({
      {"[train]\nsteps = 1.5", "2: train.steps: expected an integer, got a number: 1.5"},
      {"[train]\nsteps = \"1\"", "2: train.steps: expected an integer, got a string: \"1\""},
      {"[train]\ntied = 1", "2: train.tied: expected true or false, got an integer: 1"},
      {"[train]\nname = 1", "2: train.name: expected a string, got an integer: 1"},
      {"[train]\nname = 1979-05-27", "2: train.name: expected a string, got a date: a date"},
      {"[train]\nseeds = 1", "2: train.seeds: expected a list of integers, got an integer: 1"},
      {"[train]\nseeds = [1,\n 2.5]", "3: train.seeds[1]: expected an integer, got a number: 2.5"},
      {"[train]\nrates = ['x']", "2: train.rates[0]: expected a number, got a string: \"x\""},
      {"[train]\nsources = 'x'",
       "2: train.sources: expected a list of strings such as [\"a\", \"b\"], got a string: \"x\""},
      {"[train]\nmicro_batch = 'none'",
       "2: train.micro_batch: expected an integer or \"auto\", got a string: \"none\""},
      {"[optim]\nclip = true", "2: optim.clip: expected a number, got a boolean: true"},
      {"[optim]\nlearning_rate = '3e-3'",
       "2: optim.learning_rate: expected a number, got a string: \"3e-3\""},
      {"optim = 3", "1: optim: expected a table, got an integer: 3"},
      {"[phases]\nsteps = 3",
       "1: phases: expected a list of tables ([[phases]]), got a table: {steps = 3}"},
      {"phases = [3]", "1: phases[0]: expected a table, got an integer: 3"},
      {"[[compare.arms]]\noverrides = 1",
       "2: compare.arms[0].overrides: expected a table of recipe keys, got an integer: 1"},
  });
}

TEST(RecipeErrors, NumberMustBeFinite) {
  expect_messages(
      {{"[optim]\neps = inf", "2: optim.eps: expected a finite number, got a number: inf"},
       {"optim.eps = nan", "1: optim.eps: expected a finite number, got a number: nan"}});
}

TEST(RecipeErrors, LongValueIsNotShown) {
  EXPECT_EQ(error_of("[train]\nsteps = \"" + std::string(100, 'x') + "\""),
            "recipe.toml:2: train.steps: expected an integer, got a string: one that is too long "
            "to show");
}

TEST(RecipeErrors, UnknownChoiceListsThem) {
  expect_messages({
      {"[optim]\nshape = 'rissing'",
       "2: optim.shape: must be one of \"flat\", \"rising\", \"falling\", got \"rissing\", did you "
       "mean \"rising\"?"},
      {"[optim]\nshape = 1",
       "2: optim.shape: expected one of \"flat\", \"rising\", \"falling\", got an integer: 1"},
  });
}

TEST(RecipeErrors, ImpossibleValueIsFoundAtItsLine) {
  expect_messages({
      {"[optim]\neps = 1\nlearning_rate = -1", "3: optim.learning_rate: must be > 0, got -1"},
      // This validate() names the key relative to its section.
      {"[optim]\nlearning_rate = 1\neps = 0", "3: optim.eps: must be > 0, got 0"},
      {"[[phases]]\nsteps = 1\n[[phases]]\nsteps = 1\nbag_size = 0",
       "5: phases[1].bag_size: must be >= 1, got 0"},
      // Keys that are missing are blamed on the entry that misses them.
      {"[[phases]]\nsteps = 1\n\n[[phases]]\nbag_size = 2",
       "4: phases[1].share: give share or steps, got neither"},
      // Found only once all sections are read.
      {"[train]\nsteps = 10\n\n[[phases]]\nsteps = 11",
       "4: phases[0]: the phases up to here take 11 steps, more than train.steps = 10"},
  });
}

TEST(RecipeErrors, ValueThatTheFileDoesNotGiveHasNoLine) {
  SampleRecipe recipe;
  recipe.optim.learning_rate = -1;
  try {
    read(recipe, "recipe.toml", "[optim]\nwarmup_steps = 1\n");
    FAIL() << "no error";
  } catch (const util::Error& error) {
    EXPECT_STREQ(error.what(), "optim.learning_rate: must be > 0, got -1");
  }
}

TEST(RecipeErrors, BrokenTomlNamesTheLine) {
  for (const auto& [toml, line] :
       std::vector<std::pair<std::string, int>>{{"[train]\nsteps = \n", 2},
                                                {"[train]\nsteps = 1\nsteps = 2\n", 3},
                                                {"[train\n", 1},
                                                {"a = 1\n[train]\nname = \"open\n", 3},
                                                {"x = \"\xff\xfe\"", 1}}) {
    const std::string start = "recipe.toml:" + std::to_string(line) + ": not valid TOML: ";
    EXPECT_EQ(error_of(toml).substr(0, start.size()), start) << error_of(toml);
  }
}

}  // namespace
}  // namespace superpose::config
