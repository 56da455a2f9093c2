#include "experiment/recipe_names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "experiment/recipe.h"

namespace superpose::experiment {
namespace {

void collect_choices(const std::vector<config::Entry>& entries, std::set<std::string>& choices) {
  for (const config::Entry& entry : entries) {
    choices.insert(entry.choices.begin(), entry.choices.end());
    collect_choices(entry.children, choices);
    collect_choices(entry.element_keys, choices);
  }
}

TEST(RecipeNames, EverySynonymMeansAKeyOrAChoiceThatThereIs) {
  const std::vector<config::Entry> outline = config::Outliner::outline(Recipe{});
  std::set<std::string> keys;
  for (const config::KnownKey& key : config::known_keys(outline)) keys.insert(key.pattern);
  std::set<std::string> choices;
  collect_choices(outline, choices);
  for (const config::Synonym& synonym : recipe_synonyms().keys) {
    EXPECT_TRUE(keys.contains(std::string(synonym.meant))) << synonym.said;
  }
  for (const config::Synonym& synonym : recipe_synonyms().choices) {
    EXPECT_TRUE(choices.contains(std::string(synonym.meant))) << synonym.said;
  }
}

TEST(RecipeNames, EachIsThereOnceAndAsNamesAreCompared) {
  for (const auto table : {recipe_synonyms().keys, recipe_synonyms().choices}) {
    std::set<std::string> said;
    for (const config::Synonym& synonym : table) {
      EXPECT_TRUE(said.insert(std::string(synonym.said)).second) << synonym.said;
      EXPECT_EQ(config::plain_name(synonym.said), synonym.said);
    }
  }
}

TEST(RecipeNames, FindsTheKeyOfANameWithoutASection) {
  for (const auto& [name, key] :
       std::vector<std::pair<std::string, std::string>>{{"steps", "train.steps"},
                                                        {"Max-Steps", "train.steps"},
                                                        {"weight-decay", "optim.weight_decay"},
                                                        {"threads", "train.threads"},
                                                        {"learning_rte", "optim.learning_rate"},
                                                        {"bags", "phases[].bag_size"},
                                                        {"frobnicate", ""},
                                                        {"x", ""}}) {
    EXPECT_EQ(recipe_key_meant_by(name), key) << name;
  }
}

}  // namespace
}  // namespace superpose::experiment
