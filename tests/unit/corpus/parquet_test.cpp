#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "corpus/streams/byte_stream.h"
#include "reader_support.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

using test::error_of;
using test::names;
using test::read_documents;
using test::TempDir;
using test::write_text;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Files written by write_parquet.py.
class Parquet : public ::testing::Test {
 protected:
  void SetUp() override {
    const int status = test::run_script("write_parquet.py", dir_.path().string());
    if (status == test::kSkipped) GTEST_SKIP() << "skipped: pyarrow is not installed";
    ASSERT_EQ(status, 0);
    write_text(dir_ / "probe.parquet", "");
    const std::string message = error_of([&] { open_documents(dir_ / "probe.parquet", {}); });
    if (message.find("reads no Parquet") != message.npos) GTEST_SKIP() << "skipped: " << message;
  }

  std::filesystem::path file(const std::string& name) const { return dir_ / (name + ".parquet"); }
  std::string message(const std::string& name, const ReadOptions& options = {}) const {
    return error_of([&] { read_documents(file(name), options); });
  }

  TempDir dir_;
};

TEST_F(Parquet, EveryEncodingHoldsTheSame) {
  std::vector<std::string> expected;
  for (int i = 0; i < 2500; ++i) expected.push_back("text " + std::to_string(i));
  for (const char* name : {"none", "snappy", "gzip", "zstd", "lz4", "brotli", "large_string",
                           "binary", "dictionary", "plain", "delta", "pages"}) {
    EXPECT_EQ(read_documents(file(name)), expected) << name;
  }
  EXPECT_EQ(read_documents(file("nested"), {.text_field = "meta.text"}), expected);
  EXPECT_THAT(read_documents(file("empty")), IsEmpty());
}

// The name of another kind, or of none.
TEST_F(Parquet, IsKnownByItsContent) {
  const auto expected = read_documents(file("none"));
  for (const char* name : {"shard-0.pq", "shard", "shard.txt", "shard.jsonl", "shard.zst"}) {
    std::filesystem::copy(file("none"), dir_ / name);
    EXPECT_EQ(read_documents(dir_ / name), expected) << name;
  }
  for (const char* name : {"empty", "nested", "dictionary", "delta", "zstd", "nulls"}) {
    EXPECT_EQ(kind_of(read_head(file(name))).content, Content::kParquet) << name;
  }
}

TEST_F(Parquet, NullsAndBadTextAreErrorsOrSkipped) {
  EXPECT_THAT(message("nulls"), names("nulls.parquet", "row 1", "null"));
  EXPECT_THAT(message("utf8"), names("utf8.parquet", "row 0", "UTF-8"));
  const ReadOptions skip{.on_bad_record = BadRecord::kSkip};
  EXPECT_THAT(read_documents(file("nulls"), skip),
              ElementsAre("a", std::string("\xc3\xa4\0b", 4), ""));
  EXPECT_THAT(read_documents(file("utf8"), skip), ElementsAre("ok"));
  const auto reader = open_documents(file("nulls"), skip);
  std::string text;
  while (reader->next(text)) {
  }
  EXPECT_EQ(reader->bad_records(), 2);
  EXPECT_EQ(reader->bytes_read(), std::filesystem::file_size(file("nulls")));
}

TEST_F(Parquet, ColumnsThatCannotServeAreNamed) {
  EXPECT_THAT(message("none", {.text_field = "body"}), names("\"body\"", "2", "id", "text"));
  EXPECT_THAT(message("none", {.text_field = "id"}), names("\"id\"", "strings", "bytes", "INT64"));
  EXPECT_THAT(message("nested"), names("\"text\"", "2", "meta.text", "meta.id"));
  EXPECT_THAT(message("lists", {.text_field = "text.list.element"}), names("one value", "lists"));
  EXPECT_THAT(message("absent"), names("absent.parquet", "No such file or directory"));
  ASSERT_EQ(test::run_command("gzip -kf '" + file("none").string() + "'"), 0);
  EXPECT_THAT(error_of([&] { open_documents(dir_ / "none.parquet.gz", {}); }),
              names("none.parquet.gz", "Parquet"));
}

// An error that names the file, or a file that reads; a checksum guards the page with the text.
TEST_F(Parquet, DamageIsAnErrorOrAReading) {
  const std::string whole = util::read_file(file("small"));
  const ReadOptions skip{.on_bad_record = BadRecord::kSkip};
  const auto attempt = [&](const std::string& content) {
    std::filesystem::remove(file("b"));
    write_text(file("b"), content);
    const std::string error = message("b", skip);
    EXPECT_TRUE(error.empty() || error.find("b.parquet: ") != error.npos) << error;
    EXPECT_EQ(error.find('\n'), error.npos) << error;
    return error;
  };
  EXPECT_EQ(attempt(whole), "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(attempt(whole.substr(0, size)), "") << size;
  }
  std::mt19937 random(3);
  for (int trial = 0; trial < 400; ++trial) {
    std::string damaged = whole;
    const std::size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random() % 8)));
    attempt(damaged);
  }
}

}  // namespace
}  // namespace superpose::corpus
