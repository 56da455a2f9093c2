#include "corpus/sources/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "corpus/sources/distributions.h"
#include "corpus_support.h"
#include "support/names.h"
#include "support/temp_dir.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::names;
using test::write_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names(const std::vector<SourceFile>& sources) {
  std::vector<std::string> result;
  for (const SourceFile& source : sources) result.push_back(source.name);
  return result;
}

class Sources : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"tree/b.py", "tree/a.txt", "tree/sub/c.py", "tree/sub/deep/d.py",
                             "tree/.git/e.py", "tree/.hidden.py", "other.md"}) {
      write_text(dir_ / name, name);
    }
  }
  std::string path(std::string_view name) const { return (dir_ / name).string(); }

  test::TempDir dir_;
  DataConfig config_;
};

TEST_F(Sources, FolderIsWalkedSortedWithoutHiddenFiles) {
  config_.sources = {path("tree")};
  const auto sources = list_sources(config_);
  EXPECT_THAT(names(sources), ElementsAre("a.txt", "b.py", "sub/c.py", "sub/deep/d.py"));
  EXPECT_EQ(sources[2].path, path("tree/sub/c.py"));
  EXPECT_EQ(sources[2].bytes, 13);
}

TEST_F(Sources, FiltersApplyToFoldersAndGlobsNotToNamedFiles) {
  config_.sources = {path("other.md"), path("tree")};
  config_.include = {"*.py"};
  config_.exclude = {"sub/*"};
  EXPECT_THAT(names(list_sources(config_)), ElementsAre("other.md", "b.py", "sub/deep/d.py"));
}

TEST_F(Sources, GlobNamesAreBelowTheSpelledOutFolder) {
  config_.sources = {path("tree/**/*.py")};
  EXPECT_THAT(names(list_sources(config_)), ElementsAre("b.py", "sub/c.py", "sub/deep/d.py"));
  config_.sources = {path("tree/sub/*.py")};
  EXPECT_THAT(names(list_sources(config_)), ElementsAre("c.py"));
}

TEST_F(Sources, AFileNamedTwiceIsReadOnce) {
  config_.sources = {path("tree/b.py"), path("tree"), path("tree/./sub/../b.py")};
  EXPECT_THAT(names(list_sources(config_)),
              ElementsAre("b.py", "a.txt", "sub/c.py", "sub/deep/d.py"));
}

TEST_F(Sources, ValidationPathsMarkFilesAsHeldOut) {
  config_.sources = {path("tree")};
  config_.validation = {path("tree/sub"), path("other.md")};
  const auto sources = list_sources(config_);
  EXPECT_THAT(names(sources),
              ElementsAre("a.txt", "b.py", "sub/c.py", "sub/deep/d.py", "other.md"));
  std::vector<bool> held_out;
  for (const auto& source : sources) held_out.push_back(source.held_out);
  EXPECT_THAT(held_out, ElementsAre(false, false, true, true, true));
}

TEST_F(Sources, LinkedFoldersAreWalkedOnce) {
  write_text(dir_ / "real/e.py", "e");
  write_text(dir_ / "real/below/f.py", "f");
  fs::create_directory_symlink(dir_ / "real", dir_ / "tree/link");
  fs::create_directory_symlink(dir_ / "real/below", dir_ / "tree/other");  // of the link's
  fs::create_directory_symlink(dir_ / "tree", dir_ / "tree/sub/up");       // a loop
  fs::create_symlink(dir_ / "other.md", dir_ / "tree/z.md");
  config_.sources = {path("tree")};
  EXPECT_THAT(names(list_sources(config_)),
              ElementsAre("a.txt", "b.py", "link/below/f.py", "link/e.py", "sub/c.py",
                          "sub/deep/d.py", "z.md"));
  config_.sources = {path("tree/**/e.py")};
  EXPECT_THAT(names(list_sources(config_)), ElementsAre("link/e.py"));
}

TEST_F(Sources, LinksThatLeadNowhereAreNamed) {
  fs::create_symlink(dir_ / "gone", dir_ / "tree/broken.py");
  fs::create_symlink(dir_ / "tree/itself", dir_ / "tree/itself");
  config_.sources = {path("tree")};
  EXPECT_THAT(error_of([&] { list_sources(config_); }),
              names("no such file", path("tree/broken.py")));
  config_.exclude = {"*.py"};
  EXPECT_THAT(error_of([&] { list_sources(config_); }), names("no such file", path("tree/itself")));
  config_.exclude = {"broken.py", "itself"};
  EXPECT_EQ(list_sources(config_).size(), 4U);
}

TEST_F(Sources, ErrorsNameWhatIsWrong) {
  EXPECT_THAT(error_of([&] { list_sources(config_); }), HasSubstr("set data.sources"));
  config_.sources = {path("absent.txt")};
  EXPECT_THAT(error_of([&] { list_sources(config_); }),
              names("data.sources", "no such file", path("absent.txt")));
  config_.sources = {path("tree/*.rs")};
  EXPECT_THAT(error_of([&] { list_sources(config_); }),
              names("data.sources", "no file", path("tree/*.rs")));
  config_.sources = {path("gone/*.rs")};
  EXPECT_THAT(error_of([&] { list_sources(config_); }),
              names("data.sources", "no such file", path("gone/*.rs")));
  config_.sources_key = "";
  EXPECT_THAT(error_of([&] { list_sources(config_); }),
              ::testing::AllOf(names("no such file", path("gone/*.rs")),
                               ::testing::Not(HasSubstr("data."))));
  config_.sources = {"/dev/null"};
  EXPECT_THAT(error_of([&] { list_sources(config_); }), names("regular file", "/dev/null"));
}

// The test's folder is the current one; the recipe lies in a folder below.
class Located : public Sources {
 protected:
  Located() : before_(fs::current_path()) {
    fs::current_path(dir_.path());
    write_text(dir_ / "recipes/own/a.txt", "a");
    write_text(dir_ / "recipes/tokenizer.json", "{}");
    config_.recipe_folder = "recipes";
  }
  ~Located() override { fs::current_path(before_); }
  Located(const Located&) = delete;
  Located& operator=(const Located&) = delete;

  std::string located(const std::string& entry, Fallback fallback = Fallback::kCurrentFolder) {
    config_.sources = {entry};
    return locate(config_, fallback).sources.at(0);
  }

 private:
  fs::path before_;
};

TEST_F(Located, FromTheCurrentFolderOrFromTheRecipes) {
  EXPECT_EQ(located("tree"), "tree");
  EXPECT_EQ(located("own"), "recipes/own");
  EXPECT_EQ(located("own/*.txt"), "recipes/own/*.txt");
  EXPECT_EQ(located("tree/*.py"), "tree/*.py");
  EXPECT_EQ(located(path("own")), path("own"));
  EXPECT_EQ(located("nowhere"), "nowhere");
  EXPECT_EQ(located("nowhere", Fallback::kRecipeFolder), "recipes/nowhere");
  config_.validation = {"own/a.txt"};
  config_.tokenizer = "tokenizer.json";
  EXPECT_THAT(locate(config_).validation, ElementsAre("recipes/own/a.txt"));
  EXPECT_EQ(locate(config_).tokenizer, "recipes/tokenizer.json");
  config_.tokenizer = "bytes";
  write_text(dir_ / "recipes/bytes", "not a tokenizer");
  EXPECT_EQ(locate(config_).tokenizer, "bytes");
  config_.recipe_folder = "";
  EXPECT_EQ(located("own"), "own");
}

TEST_F(Located, DifferentFilesInBothAreAnError) {
  write_text(dir_ / "recipes/tree/x.py", "x");
  EXPECT_THAT(error_of([&] { located("tree"); }), names(path("tree"), path("recipes/tree")));
  EXPECT_THAT(error_of([&] { located("tree/*.py"); }), HasSubstr(path("recipes/tree")));
  EXPECT_EQ(located("tree/*.txt"), "tree/*.txt");  // the recipe's folder has none
  fs::remove_all(dir_ / "recipes/tree");
  fs::create_directory_symlink(dir_ / "tree", dir_ / "recipes/tree");
  EXPECT_EQ(located("tree"), "tree");
  config_.recipe_folder = ".";
  EXPECT_EQ(located("tree"), "tree");
}

TEST(Record, IsCsv) {
  EXPECT_THAT(parse_record("a/b.py,sha256=x,12\r\n\"c,\"\"d\"\".py\",,\ne.py,,"),
              ElementsAre("a/b.py", "c,\"d\".py", "e.py"));
  EXPECT_THAT(parse_record(""), ElementsAre());
}

class Distributions : public Sources {
 protected:
  void SetUp() override {
    write_text(dir_ / "site/My_Pkg-1.0.dist-info/RECORD",
               "my/pkg.py,,\nmy/data.bin,,\nmy/a.py,,\n../../bin/tool,,\n/etc/hosts,,\n");
    write_text(dir_ / "site/my_pkg_extra-2.0.dist-info/RECORD", "extra.py,,\n");
    for (const char* name : {"site/my/pkg.py", "site/my/a.py", "site/my/data.bin"}) {
      write_text(dir_ / name, name);
    }
    config_.site_packages = path("site");
    config_.include = {"*.py"};
  }
};

TEST_F(Distributions, FilesComeFromRecordUnderAnySpellingOfTheName) {
  for (const char* name : {"my-pkg", "My.Pkg", "my__pkg"}) {
    config_.python_distributions = {name};
    EXPECT_THAT(names(list_sources(config_)), ElementsAre("my/a.py", "my/pkg.py"));
  }
}

TEST_F(Distributions, ErrorsNameTheDistribution) {
  config_.python_distributions = {"absent"};
  EXPECT_THAT(error_of([&] { list_sources(config_); }), names("absent", "not installed"));
  config_.python_distributions = {"my-pkg-extra"};
  EXPECT_THAT(error_of([&] { list_sources(config_); }), names("no such file"));
  config_.site_packages = "";
  EXPECT_THAT(error_of([&] { list_sources(config_); }), HasSubstr("data.site_packages"));
  config_.site_packages = path("nowhere");
  EXPECT_THAT(error_of([&] { list_sources(config_); }), HasSubstr("cannot read"));
}

}  // namespace
}  // namespace superpose::corpus
