#include "cli/paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "cli/environment.h"
#include "cli/recipe_file.h"
#include "support/error_of.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Paths, HomeIsReplaced) {
  for (const auto& [text, expected] :
       std::vector<std::pair<std::string, std::string>>{{"~", "/h"},
                                                        {"~/a/b", "/h/a/b"},
                                                        {"$HOME", "/h"},
                                                        {"$HOME/a", "/h/a"},
                                                        {"${HOME}/a/*.txt", "/h/a/*.txt"},
                                                        {"${HOME}b", "/hb"},
                                                        {"/x$HOME/$HOME", "/x/h//h"},
                                                        {"", ""},
                                                        {"bytes", "bytes"},
                                                        {"./~", "./~"},
                                                        {"a~", "a~"},
                                                        {"price-$5", "price-$5"},
                                                        {"$", "$"},
                                                        {"a$/b", "a$/b"},
                                                        {"${}", "${}"},
                                                        {"${HOME", "${HOME"}}) {
    EXPECT_EQ(expand_path(text, "/h"), expected) << text;
  }
}

TEST(Paths, NothingElseIs) {
  for (const char* text : {"$DATA/a", "a/${DATA}", "$HOMES", "~someone/a", "~a"}) {
    EXPECT_THAT(test::error_of([&] { expand_path(text, "/h"); }), HasSubstr(text));
  }
  for (const char* text : {"~/a", "$HOME/a"}) {
    EXPECT_THAT(test::error_of([&] { expand_path(text, ""); }), HasSubstr("HOME"));
  }
  EXPECT_EQ(expand_path("/a", ""), "/a");
}

class Environment : public ::testing::Test {
 protected:
  static void set(const char* name, const char* value) {
    if (value == nullptr) {
      ::unsetenv(name);
    } else {
      ::setenv(name, value, 1);
    }
  }
  ~Environment() override {
    set("HOME", home_.c_str());
    set("XDG_CACHE_HOME", nullptr);
  }
  std::string home_ = home_folder();
};

TEST_F(Environment, TheCacheIsBelowAnAbsoluteFolderOrNowhere) {
  set("HOME", "/h");
  EXPECT_EQ(default_cache_dir(), "/h/.cache/superpose");
  set("XDG_CACHE_HOME", "/x");
  EXPECT_EQ(default_cache_dir(), "/x/superpose");
  set("XDG_CACHE_HOME", "~/.cache");
  EXPECT_EQ(default_cache_dir(), "/h/.cache/superpose");
  for (const char* home : {"", "~", static_cast<const char*>(nullptr)}) {
    set("HOME", home);
    EXPECT_EQ(default_cache_dir(), "");
  }
}

// Every key whose value may be a path: one that is added and forgotten here is still written as
// "~".
TEST_F(Environment, EveryPathOfARecipeIsExpanded) {
  set("HOME", "/h");
  const test::TempDir dir;
  const std::string file = (dir / "recipe.toml").string();
  util::write_file_atomic(file, R"(
[run]
dir = "~/run"
[data]
site_packages = "~/packages"
validation = ["~/held", "${HOME}/out"]
tokenizer = "~/tokenizer"
cache_dir = "$HOME/cache"
[[mixture]]
name = "books"
sources = ["~/books", "/~"]
[[validation]]
[[validation]]
name = "own"
sources = ["~/set"]
[[compare.arms]]
name = "baseline"
overrides = {data.cache_dir = "~/other", phases = []}
)");
  const experiment::Recipe recipe = load_recipe(file, {{"mixture[0].sources", "[\"~/web\"]"}});
  const std::string text = config::to_toml(recipe);
  EXPECT_THAT(text, Not(HasSubstr("~")));
  EXPECT_THAT(text, Not(HasSubstr("HOME")));
  EXPECT_EQ(recipe.base.run.dir, "/h/run");
  EXPECT_EQ(recipe.base.mixture[0].sources[0], "/h/web");
  EXPECT_EQ(recipe.base.validation[1].sources[0], "/h/set");
  EXPECT_EQ(recipe.base.data.recipe_folder, dir.path().string());
  EXPECT_THAT(test::error_of([&] {
                load_recipe(file, {{"run.dir", "$RUNS/a"}});
              }),
              HasSubstr("run.dir: "));
  EXPECT_EQ(load_recipe(file, {{"data.sources", "[\"~/a\"]"}}).base.data.sources[0], "/h/a");
}

}  // namespace
}  // namespace superpose::cli
