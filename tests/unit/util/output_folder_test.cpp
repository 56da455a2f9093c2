#include "util/output_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::util {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::names;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class OutputFolderTest : public testing::Test {
 protected:
  OutputFolder open(Overwrite overwrite = Overwrite::kOwn) const {
    return OutputFolder(folder_ / "out", overwrite);
  }
  fs::path file(const std::string& name) const { return folder_.path() / "out" / name; }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories(file(name).parent_path());
    std::ofstream(file(name), std::ios::binary) << text;
  }
  std::string refusal(const std::string& name, Overwrite overwrite = Overwrite::kOwn) const {
    return error_of([&] { open(overwrite).write(name, "new"); });
  }

  test::TempDir folder_;
};

TEST_F(OutputFolderTest, WhatItWroteItReplaces) {
  for (const char* text : {"one", "two", "two", "three"}) open().write("a.csv", text);
  open().write("b.csv", "b");
  EXPECT_EQ(read_file(file("a.csv")), "three");
  EXPECT_TRUE(open().is_own("a.csv"));
  EXPECT_FALSE(open().is_own("c.csv"));
}

TEST_F(OutputFolderTest, TheUsersFileStays) {
  put("a.csv", "mine");
  EXPECT_THAT(refusal("a.csv"), AllOf(HasSubstr("a.csv"), HasSubstr("--overwrite")));
  EXPECT_EQ(read_file(file("a.csv")), "mine");
  EXPECT_FALSE(fs::exists(file(kMarkerName)));
  EXPECT_EQ(refusal("a.csv", Overwrite::kAny), "");
  EXPECT_EQ(read_file(file("a.csv")), "new");
  EXPECT_EQ(refusal("a.csv"), "") << "it is ours now";
}

TEST_F(OutputFolderTest, AnEmptyPathIsNotTheCurrentFolder) {
  EXPECT_THROW(OutputFolder(""), Error);
  EXPECT_THROW(OutputFile(""), Error);
  EXPECT_NO_THROW(OutputFile("a.csv"));
}

// Replacing a link there would take it from the whole system.
TEST_F(OutputFolderTest, WhatLiesInDevIsNeverReplaced) {
  fs::create_directory_symlink("/dev", folder_ / "devices");
  const std::vector<fs::path> folders = {"/dev", "/dev/fd", folder_ / "devices"};
  for (const fs::path& folder : folders) {
    for (const char* const name : {"stdout", "1", "no-such-device"}) {
      EXPECT_NE(error_of([&] { OutputFile(folder / name, Overwrite::kAny).check(); }), "")
          << folder << name;
    }
  }
}

TEST_F(OutputFolderTest, AFileOfOursThatWasChangedIsTheUsers) {
  open().write("a.csv", "one");
  put("a.csv", "one, edited");
  EXPECT_THAT(refusal("a.csv"), HasSubstr("a.csv"));
  put("a.csv", "one");
  EXPECT_EQ(refusal("a.csv"), "");
}

TEST_F(OutputFolderTest, CheckNamesAllThatAreInTheWay) {
  open().write("ours", "x");
  put("first", "x");
  put("second", "x");
  const std::string error = error_of([&] { open().check({"first", "ours", "absent", "second"}); });
  EXPECT_THAT(error,
              AllOf(HasSubstr("first, second"), Not(HasSubstr("ours")), Not(HasSubstr("absent"))));
  open(Overwrite::kAny).check({"first", "ours", "absent", "second"});
}

TEST_F(OutputFolderTest, AFolderIsNeverReplacedAndALinkIsTheUsers) {
  put("folder/inside", "mine");
  for (const Overwrite overwrite : {Overwrite::kOwn, Overwrite::kAny}) {
    EXPECT_THAT(refusal("folder", overwrite), HasSubstr("a folder"));
  }
  EXPECT_EQ(read_file(file("folder/inside")), "mine");

  put("target", "mine");
  for (const char* target : {"target", "nowhere"}) {
    fs::remove(file("link"));
    fs::create_symlink(target, file("link"));
    EXPECT_THAT(refusal("link"), HasSubstr("link"));
    EXPECT_EQ(refusal("link", Overwrite::kAny), "");
    EXPECT_FALSE(fs::is_symlink(file("link")));
  }
  EXPECT_EQ(read_file(file("target")), "mine");
  EXPECT_FALSE(fs::exists(file("nowhere")));
}

TEST_F(OutputFolderTest, AFileInPlaceOfTheFolderStays) {
  write_file_atomic(folder_ / "out", "mine");
  for (const Overwrite overwrite : {Overwrite::kOwn, Overwrite::kAny}) {
    EXPECT_THAT(error_of([&] { open(overwrite).check({"a"}); }), names("not", "folder"));
  }
}

TEST_F(OutputFolderTest, AForeignMarkerIsAFileLikeAnyOther) {
  for (const char* text : {"mine", "[]", R"({"schema": 1})", R"({"schema": 2, "files": {}})",
                           R"({"schema": 1, "files": {"a": 1}})"}) {
    put(kMarkerName, text);
    EXPECT_THAT(refusal("a"), HasSubstr(kMarkerName)) << text;
    EXPECT_EQ(read_file(file(kMarkerName)), text);
    EXPECT_EQ(refusal("a", Overwrite::kAny), "") << text;
    EXPECT_EQ(refusal("a"), "") << text;
  }
}

// The moment between marker and file: the file of that name cannot be written.
TEST_F(OutputFolderTest, AKillBetweenMarkerAndFileLeavesTheOldFileOurs) {
  open().write("a", "old");
  const fs::path in_the_way = file("a.tmp-" + std::to_string(::getpid()));
  fs::create_directories(in_the_way / "x");
  EXPECT_THAT(refusal("a"), HasSubstr("a.tmp-"));
  EXPECT_EQ(read_file(file("a")), "old");
  EXPECT_THAT(read_file(file(kMarkerName)), HasSubstr("\"a\""));
  EXPECT_TRUE(open().is_own("a"));
  // And the moment after the file.
  put("a", "new");
  EXPECT_TRUE(open().is_own("a"));
  // A first file that was not written leaves no claim on one that the user puts there.
  fs::create_directories(file("b.tmp-" + std::to_string(::getpid())) / "x");
  EXPECT_NE(refusal("b"), "");
  put("b", "mine");
  EXPECT_FALSE(open().is_own("b"));
}

TEST_F(OutputFolderTest, AUsersFileThatWasNotReplacedStaysTheUsers) {
  put("a", "mine");
  fs::create_directories(file("a.tmp-" + std::to_string(::getpid())) / "x");
  EXPECT_NE(refusal("a", Overwrite::kAny), "");
  EXPECT_EQ(read_file(file("a")), "mine");
  EXPECT_FALSE(open().is_own("a"));
}

TEST_F(OutputFolderTest, WhatIsNotListedMayBeRecognized) {
  put("a", "legacy");
  put("b", "other");
  const OutputFolder folder(folder_ / "out", Overwrite::kOwn,
                            [](const std::string& name, const std::string& content) {
                              return name.size() == 1 && content == "legacy";
                            });
  folder.write("a", "new");
  EXPECT_EQ(read_file(file("a")), "new");
  EXPECT_NE(error_of([&] { folder.write("b", "new"); }), "");
  put("a", "legacy");
  EXPECT_TRUE(folder.is_own("a")) << "it was there when the file was written";
  folder.write("a", "newer");
  folder.write("a", "newest");
  put("a", "legacy");
  EXPECT_FALSE(folder.is_own("a")) << "a file that is listed has its hash or is the user's";
}

TEST_F(OutputFolderTest, CommitsAFolderOfFilesNextToOthers) {
  const auto commit = [&](const std::string& text, Overwrite overwrite = Overwrite::kOwn) {
    AtomicDirectory staged = open(overwrite).stage();
    write_file_atomic(staged.path() / "a", text);
    write_file_atomic(staged.path() / "b", text);
    open(overwrite).commit(staged);
  };
  { const AtomicDirectory unused = open().stage(); }
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  commit("one");
  EXPECT_TRUE(open().is_own("b"));
  put("notes", "mine");
  commit("two");
  EXPECT_EQ(read_file(file("a")) + read_file(file("b")), "twotwo");
  EXPECT_EQ(read_file(file("notes")), "mine");
  put("b", "edited");
  EXPECT_THAT(error_of([&] { commit("three"); }), HasSubstr("overwrite b"));
  EXPECT_EQ(read_file(file("a")), "two") << "all or none";
  commit("three", Overwrite::kAny);
  EXPECT_EQ(read_file(file("b")), "three");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "out"), {}), 4) << "a, b, notes, marker";
}

TEST_F(OutputFolderTest, OneFileWhereTheUserSays) {
  EXPECT_THAT(error_of([&] { const OutputFile none(folder_ / "out/"); }), HasSubstr("out/"));
  const OutputFile first(file("a.json"));
  first.write("one");
  first.write("two");
  put("b.json", "mine");
  const OutputFile second(file("b.json"));
  EXPECT_NE(error_of([&] { second.check(); }), "");
  EXPECT_EQ(read_file(file("a.json")), "two");
}

}  // namespace
}  // namespace superpose::util
