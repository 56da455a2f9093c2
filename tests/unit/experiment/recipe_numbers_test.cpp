// Every key of a recipe that holds a number with a fraction: what is not a finite number is refused
// with the key named, whoever owns it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "experiment/recipe.h"
#include "support/error_of.h"
#include "support/names.h"

namespace superpose::experiment {
namespace {

using test::names;
using ::testing::HasSubstr;

// One such key: how it is written into a recipe with a value, and how an error names it.
struct NumberKey {
  std::string key;  // in errors
  std::string before, after;
};

// Visitor that finds them all, by the types of the fields; elements of lists are written as the
// only one of their list.
class NumberKeys {
 public:
  NumberKeys(std::string path, std::string before, std::string after, std::vector<NumberKey>& found)
      : path_(std::move(path)),
        before_(std::move(before)),
        after_(std::move(after)),
        found_(found) {}

  NumberKeys& added() { return *this; }
  NumberKeys& corpus() { return *this; }
  NumberKeys& order() { return *this; }

  template <class Value>
  void field(std::string_view name, const Value& /*value*/, std::string_view /*doc*/) {
    using Type = std::remove_cv_t<Value>;
    if constexpr (std::is_same_v<Type, double> || std::is_same_v<Type, std::optional<double>>) {
      add(name, "", "");
    } else if constexpr (std::is_same_v<Type, std::vector<double>>) {
      add(std::string(name), "[", "]");
    }
  }
  template <class Value>
  void operational(std::string_view name, const Value& value, std::string_view doc) {
    field(name, value, doc);
  }
  template <class Enum, std::size_t N>
  void choice(std::string_view, const Enum&, const std::array<std::string_view, N>&,
              std::string_view) {}
  template <class Section>
  void section(std::string_view name, const Section& section, std::string_view) {
    NumberKeys inner(path_ + std::string(name) + ".", before_ + std::string(name) + " = {",
                     "}" + after_, found_);
    Section::visit(section, inner);
  }
  template <class Element>
  void list(std::string_view name, const std::vector<Element>&, std::string_view) {
    NumberKeys inner(path_ + std::string(name) + "[0].", before_ + std::string(name) + " = [{",
                     "}]" + after_, found_);
    Element element;
    Element::visit(element, inner);
  }

 private:
  void add(std::string_view name, const std::string& open, const std::string& close) {
    const std::string suffix = open.empty() ? "" : "[0]";
    found_.push_back({path_ + std::string(name) + suffix,
                      before_ + std::string(name) + " = " + open, close + after_});
  }

  std::string path_, before_, after_;
  std::vector<NumberKey>& found_;
};

std::vector<NumberKey> number_keys() {
  std::vector<NumberKey> found;
  NumberKeys visitor("", "", "", found);
  Recipe recipe;
  Recipe::visit(recipe, visitor);
  return found;
}

std::string error_with(const NumberKey& key, const std::string& value) {
  Recipe recipe;
  return test::error_of(
      [&] { config::read(recipe, "recipe.toml", key.before + value + key.after + "\n"); });
}

TEST(RecipeNumbers, WalkFindsThem) {
  std::vector<std::string> keys;
  for (const NumberKey& key : number_keys()) keys.push_back(key.key);
  EXPECT_THAT(keys, ::testing::IsSupersetOf(
                        {"optim.learning_rate", "model.init_std", "model.rope_scaling.factor",
                         "phases[0].share", "phases[0].slot_weights[0]", "mixture[0].weight",
                         "compare.learning_rates[0]", "compare.arms[0].budgets[0]"}));
}

TEST(RecipeNumbers, WhatIsNotFiniteIsRefusedWithTheKey) {
  for (const NumberKey& key : number_keys()) {
    for (const char* value : {"nan", "inf", "-inf"}) {
      EXPECT_THAT(error_with(key, value), names("recipe.toml:1", key.key, "finite", value));
    }
  }
}

// Keys whose values are computed with in f32, and what would become 0 or infinite there.
TEST(RecipeNumbers, WhatF32CannotHoldIsRefusedWithTheKey) {
  const std::map<std::string, std::vector<std::string>> wrong = {
      {"optim.learning_rate", {"0.0", "-1e-3", "1e-40", "5e-324", "1e308"}},
      {"optim.eps", {"0.0", "-1e-8", "1e-40", "5e-324", "1e308"}},
      {"optim.clip_norm", {"-1.0", "1e-40", "5e-324", "1e308"}},
      {"optim.weight_decay", {"-0.1"}},
      {"optim.z_loss", {"-0.1", "1e-40", "5e-324", "1e308"}},
      {"optim.beta1", {"-0.1", "1.0", "1e308"}},
      {"optim.beta2", {"-0.1", "1.0", "1e308"}},
      {"optim.decay_share", {"-0.1", "1.1", "1e308"}},
      {"optim.final_ratio", {"-0.1", "1.1", "1e308"}},
      {"model.norm_eps", {"-1e-5", "1e-40", "5e-324", "1e308"}},
      {"model.init_std", {"0.0", "-1.0", "1e-40", "5e-324", "1e308"}},
      {"model.rope_theta", {"-1.0", "0.5", "5e-324"}},
      {"model.rope_scaling.factor", {"-1.0", "0.5"}},
      {"model.rope_scaling.low_freq_factor", {"-1.0", "0.0"}},
      {"compare.learning_rates[0]", {"0.0", "-1e-3", "1e-40", "1e308"}},
      {"compare.budgets[0]", {"0.0", "-1.0", "1e308"}},
      {"data.validation_share", {"0.0", "-0.1", "1e308"}},
      {"phases[0].share", {"-0.1", "1.1", "1e308"}}};
  std::size_t tried = 0;
  for (const NumberKey& key : number_keys()) {
    const auto found = wrong.find(key.key);
    if (found == wrong.end()) continue;
    const std::string name = key.key.substr(0, key.key.find("[0]", key.key.rfind('.')));
    for (const std::string& value : found->second) {
      EXPECT_THAT(error_with(key, value), HasSubstr(name.substr(name.rfind('.') + 1) + ": "))
          << value;
    }
    ++tried;
  }
  EXPECT_EQ(tried, wrong.size());
}

TEST(RecipeNumbers, WeightsOfSourcesAreFiniteToo) {
  for (const char* value : {"nan", "inf", "-inf", "-1.0", "\"many\""}) {
    Recipe recipe;
    const std::string text =
        std::string("phases = [{share = 0.3, weights = {web = ") + value + "}}]\n";
    EXPECT_THAT(test::error_of([&] { config::read(recipe, "recipe.toml", text); }),
                names("phases[0].weights", "web", ">= 0"));
  }
  Recipe recipe;
  recipe.compare.arms = {
      {.name = "baseline", .overrides = {{"optim.learning_rate", "inf"}}, .budgets = {}}};
  EXPECT_THAT(test::error_of([&] { make_arms(recipe); }), names("optim.learning_rate", "finite"));
}

}  // namespace
}  // namespace superpose::experiment
