#include "train/setting_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace superpose::train {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SettingChanges, ListsWhatMayNotChange) {
  const std::vector<util::Setting> before = {
      {"a", "1", false}, {"b", "2", false}, {"gone", "3", false}, {"log", "4", true}};
  const std::vector<util::Setting> now = {
      {"a", "1", false}, {"b", "7", false}, {"new", "8", false}, {"log", "5", true}};
  EXPECT_THAT(setting_changes(before, now),
              ElementsAre("b (checkpoint 2, recipe 7)", "gone (checkpoint 3, not in the recipe)",
                          "new (not in the checkpoint, recipe 8)"));
  EXPECT_THAT(setting_changes(before, before), IsEmpty());
}

TEST(SettingChanges, OfAListOrTableOnlyWhatDiffersInIt) {
  const std::vector<util::Setting> before = {
      {"phases", R"([{share = 0.3, weights = {}}, {share = "auto", weights = {"a.b" = 0.5}}])"},
      {"data.sources", R"(["a, [b]", "say \"c = {\" "])"},
      {"data.include", "[]"}};
  const std::vector<util::Setting> now = {
      {"phases", R"([{share = 0.3, weights = {web = 1}}, {share = 0.2, weights = {"a.b" = 0.7}}])"},
      {"data.sources", R"(["a, [b]", "say \"c = {\" ", "d"])"},
      {"data.include", "[]"}};
  EXPECT_THAT(setting_changes(before, now),
              ElementsAre(R"(phases[1].share (checkpoint "auto", recipe 0.2))",
                          R"(phases[1].weights."a.b" (checkpoint 0.5, recipe 0.7))",
                          R"(data.sources[2] (not in the checkpoint, recipe "d"))",
                          R"(phases[0].weights.web (not in the checkpoint, recipe 1))"));
}

}  // namespace
}  // namespace superpose::train
