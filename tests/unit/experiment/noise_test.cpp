#include "experiment/noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <sstream>

#include "recipes.h"
#include "support/error_of.h"
#include "support/names.h"

namespace superpose::experiment {
namespace {

using test::names;
using test::small_recipe;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string entry(const std::string& settings, const std::string& arm = "tst",
                  std::int64_t steps = 100) {
  return "[[compare.noise]]\narm = \"" + arm + "\"\nsteps = " + std::to_string(steps) +
         "\nspread = 0.002\nseeds = 8\nsource = \"eight seeds\"\nsettings = \"" + settings + "\"\n";
}

NoiseFindings findings(const Recipe& recipe, const BestRates& rates = {}) {
  return find_noise(make_arms(recipe), recipe.compare, rates);
}

std::string printed(const Recipe& recipe, const BestRates& rates = {}) {
  std::ostringstream out;
  print_smallest_differences(out, make_arms(recipe), recipe.compare, findings(recipe, rates));
  return out.str();
}

TEST(Noise, PairsAreFingerprintedByWhatTheyDo) {
  const auto settings = [](const std::function<void(Recipe&)>& change) {
    Recipe recipe = small_recipe("[compare]\nseeds = [1]\n");
    change(recipe);
    return findings(recipe).pairs.at(0).settings;
  };
  const std::string base = settings([](Recipe&) {});
  EXPECT_THAT(base, SizeIs(16));
  EXPECT_EQ(findings(small_recipe()).pairs.at(0).arm, "tst");
  EXPECT_EQ(settings([](Recipe& r) { r.base.run.dir = "elsewhere"; }), base);
  EXPECT_EQ(settings([](Recipe& r) { r.base.train.seed = 7; }), base);
  EXPECT_EQ(settings([](Recipe& r) { r.base.train.threads = 7; }), base);
  EXPECT_EQ(settings([](Recipe& r) { r.compare.seeds = {1, 2}; }), base);
  EXPECT_NE(settings([](Recipe& r) { r.base.train.steps = 50; }), base);
  EXPECT_NE(settings([](Recipe& r) { r.base.optim.learning_rate = 0.1; }), base);
  EXPECT_NE(settings([](Recipe& r) { r.base.phases[0].bag_size = 4; }), base);
}

TEST(Noise, PairsOfShorterBudgetsAreThoseOfRecipesAsShort) {
  Recipe recipe = small_recipe("[compare]\nbudgets = [0.5, 1.0]\n");
  const std::vector<report::PairSettings> pairs = findings(recipe).pairs;
  ASSERT_THAT(pairs, SizeIs(2));
  EXPECT_EQ(pairs[0].budget, 1);
  EXPECT_EQ(pairs[0].settings, findings(small_recipe()).pairs.at(0).settings);
  EXPECT_EQ(pairs[1].budget, 0.5);
  recipe = small_recipe();
  recipe.base.train.steps /= 2;
  EXPECT_EQ(pairs[1].settings, findings(recipe).pairs.at(0).settings);
}

TEST(Noise, TunedRatesAreThoseThatWereChosen) {
  const Recipe recipe = small_recipe("[compare]\nlearning_rates = [0.004, 0.1]\n");
  EXPECT_THAT(findings(recipe).pairs, IsEmpty());
  EXPECT_THAT(findings(recipe, {0.1, std::nullopt}).pairs, IsEmpty());
  EXPECT_THAT(findings(recipe, {std::nullopt, 0.1}).pairs, IsEmpty());
  EXPECT_EQ(findings(recipe, {0.004, 0.004}).pairs.at(0).settings,
            findings(small_recipe()).pairs.at(0).settings);
  EXPECT_NE(findings(recipe, {0.1, 0.004}).pairs.at(0).settings,
            findings(small_recipe()).pairs.at(0).settings);
}

TEST(Noise, EntriesApplyToEqualSettingsAlone) {
  const std::string settings = findings(small_recipe()).pairs.at(0).settings;
  const NoiseFindings found = findings(small_recipe(entry(settings)));
  ASSERT_THAT(found.figures, SizeIs(1));
  EXPECT_EQ(found.figures[0].arm, "tst");
  EXPECT_EQ(found.figures[0].spread, 0.002);
  EXPECT_EQ(found.figures[0].seeds, 8);
  EXPECT_EQ(found.figures[0].source, "eight seeds");
  EXPECT_THAT(found.notes, IsEmpty());

  const NoiseFindings other = findings(small_recipe(entry("0123456789abcdef")));
  EXPECT_THAT(other.figures, IsEmpty());
  EXPECT_THAT(other.notes, ElementsAre(AllOf(HasSubstr("0123456789abcdef"), HasSubstr(settings))));
  const NoiseFindings other_steps = findings(small_recipe(entry(settings, "tst", 200)));
  EXPECT_THAT(other_steps.figures, IsEmpty());
  EXPECT_THAT(other_steps.notes, IsEmpty());
  EXPECT_THAT(findings(small_recipe(entry(settings, "nobody"))).notes,
              ElementsAre(HasSubstr("nobody")));
  EXPECT_THAT(findings(small_recipe(entry(settings) + entry(settings))).figures, SizeIs(1));
}

TEST(Noise, OfSeveralEntriesThatOverTheMostSeedsApplies) {
  const std::string settings = findings(small_recipe()).pairs.at(0).settings;
  std::string more = entry(settings);
  more.replace(more.find("seeds = 8"), 9, "seeds = 9");
  for (const std::string& both : {entry(settings) + more, more + entry(settings)}) {
    const NoiseFindings found = findings(small_recipe(both));
    ASSERT_THAT(found.figures, SizeIs(1));
    EXPECT_EQ(found.figures[0].seeds, 9);
  }
}

TEST(Noise, EntriesOfOtherTextDoNotApply) {
  const std::string settings = findings(small_recipe()).pairs.at(0).settings;
  const Recipe recipe = small_recipe(entry(settings) + "corpus = \"d1/v1\"\n");
  const auto found = [&](const std::string& corpus) {
    return find_noise(make_arms(recipe), recipe.compare, {}, corpus);
  };
  EXPECT_THAT(found("d1/v1").figures, SizeIs(1));
  EXPECT_THAT(found("").figures, SizeIs(1));  // not known yet
  EXPECT_THAT(found("d2/v1").figures, IsEmpty());
  EXPECT_THAT(found("d2/v1").notes, ElementsAre(AllOf(HasSubstr("d1/v1"), HasSubstr("d2/v1"))));
}

TEST(Noise, NoPartOfTheComparison) {
  EXPECT_EQ(fingerprint(small_recipe(entry("0123456789abcdef"))), fingerprint(small_recipe()));
}

TEST(Noise, ImpossibleEntriesAreRefused) {
  const auto error = [](const std::string& key, const std::string& value) {
    std::string text = entry("0123456789abcdef");
    const std::size_t at = text.find("\n" + key + " = ") + key.size() + 4;
    text.replace(at, text.find('\n', at) - at, value);
    return test::error_of([&] { small_recipe(text); });
  };
  EXPECT_THAT(error("seeds", "5"), names("compare.noise[0].seeds", ">= 6", "5"));
  EXPECT_THAT(error("spread", "0.0"), HasSubstr("compare.noise[0].spread"));
  EXPECT_THAT(error("steps", "0"), HasSubstr("compare.noise[0].steps"));
  EXPECT_THAT(error("arm", "\"\""), HasSubstr("compare.noise[0].arm"));
  EXPECT_THAT(error("settings", "\"0123\""), HasSubstr("compare.noise[0].settings"));
  EXPECT_THAT(error("settings", "\"0123456789ABCDEF\""), HasSubstr("compare.noise[0].settings"));
}

// t(0.975, 7) = 2.3646, t(0.975, 2) = 4.3027.
TEST(Noise, SmallestDifference) {
  EXPECT_NEAR(smallest_difference(0.002, 8, 1), 2.3646 * 0.002 * std::sqrt(1 + 1 / 8.0), 1e-6);
  EXPECT_NEAR(smallest_difference(0.002, 8, 3), 2.3646 * 0.002 * std::sqrt(1 / 3.0 + 1 / 8.0),
              1e-6);
  EXPECT_NEAR(smallest_difference(0.002, 3), 4.3027 * 0.002 / std::sqrt(3.0), 1e-6);
}

TEST(Noise, SaysWhatTheSeedsCanShow) {
  const std::string settings = findings(small_recipe()).pairs.at(0).settings;
  const std::string three = "[compare]\nseeds = [1, 2, 3]\n";
  const std::string figure = entry(settings);
  EXPECT_THAT(printed(small_recipe(figure)),
              AllOf(HasSubstr("1 seed "), HasSubstr("0.0050"), Not(HasSubstr("alone"))));
  EXPECT_THAT(printed(small_recipe(three + figure)),
              AllOf(HasSubstr("0.0032"), HasSubstr("0.0050")));
  EXPECT_THAT(printed(small_recipe()), names("three", "compare.seeds"));
  EXPECT_THAT(printed(small_recipe(three)), AllOf(HasSubstr("2.48 times"), Not(names("six"))));
  EXPECT_THAT(printed(small_recipe("[compare]\nlearning_rates = [0.1]\n" + figure)),
              names("rates are chosen"));
  EXPECT_THAT(printed(small_recipe(entry("0123456789abcdef"))), HasSubstr("note: "));
}

}  // namespace
}  // namespace superpose::experiment
