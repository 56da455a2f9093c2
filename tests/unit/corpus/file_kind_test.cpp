#include "corpus/streams/file_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "corpus/streams/byte_stream.h"
#include "reader_support.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "support/zstd.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::names;
using test::read_documents;
using test::TempDir;
using test::write_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Files of write_kinds.py, each without an ending.
class Kinds : public ::testing::Test {
 protected:
  void SetUp() override {
    if (test::run_command(test::python() + " -c 'import numpy, pyarrow'") != 0) {
      GTEST_SKIP() << "skipped: NumPy or pyarrow is not installed";
    }
    ASSERT_EQ(test::run_script("write_kinds.py", dir_.path().string()), 0);
    for (const std::string& line : test::lines_of(util::read_file(dir_ / "expected"))) {
      const std::size_t colon = line.find(": ");
      expected_.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    ASSERT_GT(expected_.size(), 40U);
  }

  TempDir dir_;
  std::vector<std::pair<std::string, std::string>> expected_;
};

TEST_F(Kinds, AreKnownByTheirContent) {
  for (const auto& [file, what] : expected_) {
    SCOPED_TRACE(file);
    EXPECT_EQ(kind_of(read_head(dir_ / file)).name, what);
    const auto unreadable = find_unreadable(dir_ / file);
    EXPECT_EQ(unreadable ? unreadable->what : "", what);
    const std::string error = error_of([&] { read_documents(dir_ / file); });
    if (what.empty()) {
      EXPECT_EQ(error, "");
    } else {
      EXPECT_THAT(error, HasSubstr((dir_ / file).string() + ": is " + what));
    }
  }
}

// Under the name of text, of JSON lines, and inside of what is compressed.
TEST_F(Kinds, NoNameMakesThemText) {
  for (const auto& [file, what] : expected_) {
    SCOPED_TRACE(file);
    const bool is_text = what.empty();
    fs::copy(dir_ / file, dir_ / "a.txt", fs::copy_options::overwrite_existing);
    EXPECT_EQ(find_unreadable(dir_ / "a.txt").has_value(), !is_text);
    fs::copy(dir_ / file, dir_ / "a.jsonl", fs::copy_options::overwrite_existing);
    EXPECT_EQ(find_unreadable(dir_ / "a.jsonl").has_value(), !is_text);
    ASSERT_EQ(test::run_command("gzip -c '" + (dir_ / file).string() + "' > '" +
                                (dir_ / "packed").string() + "'"),
              0);
    const auto inside = find_unreadable(dir_ / "packed");
    EXPECT_EQ(inside ? inside->why.substr(0, 6 + what.size()) : "", is_text ? "" : "holds " + what);
  }
}

TEST_F(Kinds, OfAnotherTextTheWayToConvertItIsNamed) {
  for (const auto& [file, command] :
       std::vector<std::pair<std::string, std::string>>{{"utf-16", "iconv -f UTF-16 -t UTF-8"},
                                                        {"utf-16-le", "iconv -f UTF-16LE -t UTF-8"},
                                                        {"utf-16-be", "iconv -f UTF-16BE -t UTF-8"},
                                                        {"utf-32", "iconv -f UTF-32 -t UTF-8"},
                                                        {"utf-32-le", "iconv -f UTF-32LE -t UTF-8"},
                                                        {"koi8", "iconv"}}) {
    EXPECT_THAT(error_of([&] { read_documents(dir_ / file); }), HasSubstr(command)) << file;
  }
  EXPECT_THAT(error_of([&] { read_documents(dir_ / "zip"); }), HasSubstr("unpack it"));
}

TEST_F(Kinds, BytesMayBeKept) {
  EXPECT_THAT(read_documents(dir_ / "png", {.keeps_binary = true}),
              ElementsAre(util::read_file(dir_ / "png")));
}

// What begins a token file may be an accident unless it is long.
TEST(ForeignToTokens, NeedsALongMagicThatIsNoTokenFiles) {
  EXPECT_EQ(foreign_to_tokens(std::string("\x7f"
                                          "ELF\2\1\1\0\0\0",
                                          10))
                ->name,
            "an ELF file");
  EXPECT_EQ(foreign_to_tokens(std::string("\x1f\x8b\x08\0\0\0\0\0", 8))->name, "gzip data");
  for (const std::string& head :
       {std::string("MZ\0\0", 4), std::string("\x80\2\1\0", 4), std::string("\xff\xfe\1\0", 4),
        std::string("\x93NUMPY\1\0", 8), std::string(64, '\0'), std::string()}) {
    EXPECT_FALSE(foreign_to_tokens(head).has_value()) << head;
  }
}

class Names : public ::testing::Test {
 protected:
  void SetUp() override {
    write_text(dir_ / "a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
    const int status = test::run_script("write_compressed.py", dir_.path().string());
    if (status == test::kSkipped) GTEST_SKIP() << "skipped: zstd is not installed";
    ASSERT_EQ(status, 0);
  }
  TempDir dir_;
};

// By content: other endings of the same, none, one of another kind, and several.
TEST_F(Names, OfCompressedFilesDoNotMatter) {
  const std::vector<std::pair<std::string, std::string>> copies{
      {"a.jsonl.zst", "b.jsonl.zstd"}, {"a.jsonl.gz", "b.jsonl.gzip"},
      {"a.jsonl.zst", "b.jsonl"},      {"a.jsonl.zst", "b.jsonl.gz"},
      {"a.jsonl.gz", "c.jsonl.xz"},    {"a.many.jsonl.zst", "m.JSON"},
      {"a.jsonl.xz", "b.ndjson.ZSTD"}};
  for (const auto& [from, to] : copies) {
    fs::copy(dir_ / from, dir_ / to);
    EXPECT_THAT(read_documents(dir_ / to), ElementsAre("one", "two")) << to;
  }
  ASSERT_EQ(test::run_command("gzip -kf '" + (dir_ / "a.jsonl.zst").string() + "'"), 0);
  EXPECT_THAT(read_documents(dir_ / "a.jsonl.zst.gz"), ElementsAre("one", "two"));
  fs::copy(dir_ / "a.jsonl.zst.gz", dir_ / "twice.jsonl.zstd");
  EXPECT_THAT(read_documents(dir_ / "twice.jsonl.zstd"), ElementsAre("one", "two"));
  fs::copy(dir_ / "a.jsonl.gz", dir_ / "notes.txt");
  EXPECT_THAT(read_documents(dir_ / "notes.txt"), ElementsAre(util::read_file(dir_ / "a.jsonl")));
}

TEST_F(Names, CompressionHasAnEnd) {
  fs::copy(dir_ / "a.jsonl", dir_ / "deep");
  for (int layer = 0; layer < 5; ++layer) {
    ASSERT_EQ(test::run_command("gzip -c '" + (dir_ / "deep").string() + "' > '" +
                                (dir_ / "deeper").string() + "'"),
              0);
    fs::rename(dir_ / "deeper", dir_ / "deep");
  }
  EXPECT_THAT(error_of([&] { read_documents(dir_ / "deep"); }), HasSubstr("more than 4 times"));
}

TEST_F(Names, OfDamagedFilesSayWhatTheyShouldBe) {
  write_text(dir_ / "b.jsonl.zstd", "no zstd");
  EXPECT_THAT(error_of([&] { read_documents(dir_ / "b.jsonl.zstd"); }),
              names("b.jsonl.zstd", "zstd", "damaged"));
}

}  // namespace
}  // namespace superpose::corpus
