#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

// Keys that earlier versions of the program lack must leave no trace in the settings of runs that
// do not use them: fingerprints are hashes of the settings.
namespace superpose::config {
namespace {

enum class Kind { kPlain, kFancy };
inline constexpr std::array<std::string_view, 2> kKindNames = {"plain", "fancy"};

struct Item {
  std::int64_t size = 1;
  double weight = 0.5;  // added

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("size", self.size, "how large");
    v.added().field("weight", self.weight, "how much");
  }
};

struct Watch {
  std::int64_t every = 1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.operational("every", self.every, "how often");
  }
};

struct Stage {
  std::int64_t steps = 7;
  std::string name = "all";

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("steps", self.steps, "how long");
    v.field("name", self.name, "which");
  }
};

struct Grown {
  std::int64_t before = 1;
  double rate = 2;           // added
  Kind kind = Kind::kPlain;  // added
  std::int64_t threads = 0;  // added, operational
  Stage stage = {};          // added
  std::vector<Item> items = {};
  std::vector<Item> more = {};      // added
  std::vector<Watch> watches = {};  // added, all keys operational

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("before", self.before, "there from the start");
    v.added().field("rate", self.rate, "a number");
    v.added().choice("kind", self.kind, kKindNames, "a choice");
    v.added().operational("threads", self.threads, "a number");
    v.added().section("stage", self.stage, "a section");
    v.list("items", self.items, "a list");
    v.added().list("more", self.more, "another list");
    v.added().list("watches", self.watches, "a list that may change");
  }
};

std::string settings_text(const std::string& toml) {
  Grown grown;
  read(grown, "recipe.toml", toml);
  std::string text;
  for (const util::Setting& setting : settings(grown)) {
    text += setting.key + "=" + setting.value + (setting.operational ? "*" : "") + ";";
  }
  return text;
}

TEST(AddedKeys, AreNoSettingsAtTheirDefaults) {
  EXPECT_EQ(settings_text(""), "before=1;items=[];");
  EXPECT_EQ(settings_text("rate = 2.0\nkind = 'plain'\nmore = []\n[stage]\nsteps = 7"),
            "before=1;items=[];");
  EXPECT_EQ(settings_text("[[items]]\nsize = 4"), "before=1;items=[{size = 4}];");
}

TEST(AddedKeys, AreSettingsOtherwise) {
  EXPECT_EQ(settings_text("rate = 3\nbefore = 2"), "before=2;rate=3.0;items=[];");
  EXPECT_EQ(settings_text("kind = 'fancy'\nthreads = 2"),
            "before=1;kind=\"fancy\";threads=2*;items=[];");
  EXPECT_EQ(settings_text("[stage]\nsteps = 8"),
            "before=1;stage.steps=8;stage.name=\"all\";items=[];");
  EXPECT_EQ(settings_text("[[items]]\nweight = 1\n[[more]]"),
            "before=1;items=[{size = 1, weight = 1.0}];more=[{size = 1}];");
}

TEST(AddedKeys, AListIsOperationalWhereAllItsKeysAre) {
  EXPECT_EQ(settings_text("[[watches]]\nevery = 3"), "before=1;items=[];watches=[{every = 3}]*;");
}

TEST(AddedKeys, StandInTheResolvedRecipe) {
  EXPECT_NE(to_toml(Grown{}).find("rate = 2.0"), std::string::npos);
  Grown grown;
  grown.rate = 5;
  Grown back;
  read(back, "recipe.toml", to_toml(grown));
  EXPECT_EQ(back.rate, 5);
}

}  // namespace
}  // namespace superpose::config
