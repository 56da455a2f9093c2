#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "corpus/prepare/preparation_journal.h"
#include "corpus/shards/shard_writer.h"
#include "corpus/shards/sidecar.h"
#include "corpus/shards/split_writer.h"
#include "corpus/shards/token_shards.h"
#include "corpus_support.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/file_names.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

using test::Document;
using test::error_of;
using test::kAllU16;
using test::make_shards;
using test::names;
using test::numbered_documents;
using test::TempDir;
using test::write_shards;
using test::write_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::int32_t> read_all(const TokenShards& shards) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(shards.num_tokens()));
  shards.read(0, tokens);
  return tokens;
}

TEST(Shards, TokensAndDocumentsComeBackAcrossShards) {
  const TempDir dir;
  const auto shards = make_shards(dir.path(), numbered_documents({3, 1, 4, 1, 5}),
                                  {.shard_tokens = 4, .sequence_tokens = 2});
  EXPECT_TRUE(std::filesystem::exists(dir / "train-00002.bin"));
  EXPECT_FALSE(std::filesystem::exists(dir / "train-00003.bin"));
  EXPECT_THAT(shards->document_ends(), ElementsAre(3, 4, 8, 9, 14));
  const auto tokens = read_all(*shards);
  for (std::int32_t i = 0; i < 14; ++i) EXPECT_EQ(tokens[static_cast<std::size_t>(i)], i);
}

TEST(Shards, EveryRangeReads) {
  const TempDir dir;
  const auto shards =
      make_shards(dir.path(), numbered_documents({2, 3, 1, 4}), {.shard_tokens = 3});
  for (std::int64_t begin = 0; begin <= 10; ++begin) {
    for (std::int64_t end = begin; end <= 10; ++end) {
      std::vector<std::int32_t> out(static_cast<std::size_t>(end - begin), -7);
      shards->read(begin, out);
      for (std::size_t i = 0; i < out.size(); ++i) {
        EXPECT_EQ(out[i], begin + static_cast<std::int64_t>(i));
      }
    }
  }
  std::vector<std::int32_t> out(2);
  EXPECT_THAT(error_of([&] { shards->read(9, out); }), HasSubstr("[9, 11)"));
  EXPECT_THAT(error_of([&] { shards->read(-1, out); }), HasSubstr("[-1, 1)"));
}

TEST(Shards, DocumentOfFindsEveryPosition) {
  const TempDir dir;
  const auto shards = make_shards(dir.path(), numbered_documents({2, 3, 1}));
  std::vector<std::int64_t> documents;
  for (std::int64_t i = 0; i < 6; ++i) documents.push_back(shards->document_of(i));
  EXPECT_THAT(documents, ElementsAre(0, 0, 1, 1, 1, 2));
}

// megatron_reader.py reads the layout with NumPy alone and prints what it finds.
TEST(Shards, IndependentReaderSeesTheSame) {
  const TempDir dir;
  write_shards(dir.path(), numbered_documents({3, 1, 6, 2}),
               {.shard_tokens = 4, .sequence_tokens = 4});
  const std::string command = test::python() +
                              " " SUPERPOSE_SOURCE_DIR "/tests/unit/corpus/megatron_reader.py " +
                              dir.path().string() + " > " + (dir / "out.txt").string();
  const int status = test::run_command(command);
  if (status == test::kSkipped) GTEST_SKIP() << "skipped: NumPy is not installed";
  ASSERT_EQ(status, 0);
  // Shard 1: a document of 6 tokens in sequences of 4 and 2, closed as 6 >= 4.
  EXPECT_EQ(util::read_file(dir / "out.txt"),
            "train-00000 uint16 lengths 3 1 documents 0 1 2 tokens 0 1 2 | 3\n"
            "train-00001 uint16 lengths 4 2 documents 0 2 tokens 4 5 6 7 | 8 9\n"
            "train-00002 uint16 lengths 2 documents 0 1 tokens 10 11\n");
}

TEST(Shards, TokenOutsideTheVocabularyIsRefusedWhereItLies) {
  const TempDir dir;
  write_shards(dir.path(), {Document{1, 2, 3}, Document{4, 257, 6}}, {.shard_tokens = 3});
  const TokenShards shards({dir / "train-00000", dir / "train-00001"}, 257);
  std::vector<std::int32_t> out(4);
  shards.read(0, out);
  EXPECT_THAT(error_of([&] { shards.read(2, out); }), names("train-00001.bin", "257", "token 1"));
}

TEST(Shards, CutOffFilesAreRefusedByName) {
  const TempDir dir;
  write_shards(dir.path(), numbered_documents({3, 5}));
  const auto open = [&] { TokenShards({dir / "train-00000"}, kAllU16); };
  const std::string bin = util::read_file(dir / "train-00000.bin");
  const std::string idx = util::read_file(dir / "train-00000.idx");
  write_text(dir / "train-00000.bin", bin.substr(0, bin.size() - 1));
  EXPECT_THAT(error_of(open),
              AllOf(HasSubstr("train-00000.bin"), HasSubstr("16 bytes"), HasSubstr("got 15")));
  write_text(dir / "train-00000.bin", bin);
  EXPECT_EQ(error_of(open), "");
  for (std::size_t size = 0; size < idx.size(); ++size) {
    write_text(dir / "train-00000.idx", idx.substr(0, size));
    EXPECT_THAT(error_of(open), names("train-00000.idx", "cut off")) << size;
  }
  std::filesystem::remove(dir / "train-00000.idx");
  EXPECT_THAT(error_of(open), HasSubstr("train-00000.idx"));
}

// Whatever a damaged index says, opening ends in an error or in an index that fits the tokens.
TEST(Shards, DamagedIndexNeverReadsOutside) {
  const TempDir dir;
  write_shards(dir.path(), numbered_documents({3, 5, 2}));
  const std::string idx = util::read_file(dir / "train-00000.idx");
  std::mt19937 random(7);
  for (int trial = 0; trial < 100; ++trial) {
    std::string damaged = idx;
    for (int flips = 0; flips < 2; ++flips) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    write_text(dir / "train-00000.idx", damaged);
    error_of([&] {
      const TokenShards shards({dir / "train-00000"}, kAllU16);
      EXPECT_EQ(read_all(shards).size(), 10U);
      for (std::int64_t i = 0; i < 10; ++i)
        EXPECT_LT(shards.document_of(i), shards.num_documents());
    });
  }
}

TEST(Shards, HeaderIsChecked) {
  const TempDir dir;
  write_shards(dir.path(), numbered_documents({3}));
  const std::string idx = util::read_file(dir / "train-00000.idx");
  const auto message_with = [&](std::size_t at, char value) {
    std::string changed = idx;
    changed[at] = value;
    write_text(dir / "train-00000.idx", changed);
    return error_of([&] { TokenShards({dir / "train-00000"}, kAllU16); });
  };
  EXPECT_THAT(message_with(0, 'X'), HasSubstr("wrong magic"));
  EXPECT_THAT(message_with(9, 2), names("version", "1", "2"));
  EXPECT_THAT(message_with(17, 6), names("dtype code", "6"));
  EXPECT_THAT(message_with(17, 4), names("12 bytes", "6"));
  // One sequence: its length lies at 34, its pointer at 38, the document index at 46.
  EXPECT_THAT(message_with(37, '\x80'), names("length", "-2147483645", "byte 0"));
  EXPECT_THAT(message_with(38, 2), names("length", "3", "byte 2"));
  EXPECT_THAT(message_with(46, 1), names("document index", "0"));
}

TEST(ShardWriter, SaysWhichFileItCannotWrite) {
  const TempDir dir;
  EXPECT_THAT(error_of([&] { write_shards(dir / "absent", numbered_documents({3})); }),
              AllOf(HasSubstr("train-00000.bin"), HasSubstr("cannot write")));
}

// The state of a preparation that has written more than 2^31 tokens, all but its files' holes
// faked.
class LargeShards : public ::testing::Test {
 protected:
  static constexpr std::int64_t kLarge = (std::int64_t{1} << 31) + 1000;  // tokens

  void SetUp() override {
    write_text(dir_ / "train-00000.bin", "");
    std::filesystem::resize_file(dir_ / "train-00000.bin", 2 * kLarge);
    write_numbers("train.lengths", {kLarge - 5, 5});
    write_numbers("train.contents", {1, 2});
    PreparationJournal journal;
    journal.bytes_read = 5 * kLarge;
    journal.counts = {.documents = 2, .text_bytes = 4 * kLarge, .tokens = kLarge};
    journal.train = {.stats = {.documents = 2, .bytes = 4 * kLarge, .tokens = kLarge},
                     .shards = {.finished = {}, .open_documents = 2, .open_tokens = kLarge}};
    write_journal(dir_.path(), journal);
  }
  void write_numbers(const char* name, const std::vector<std::int64_t>& numbers) {
    write_text(dir_ / name, {reinterpret_cast<const char*>(numbers.data()), numbers.size() * 8});
  }
  // The i64 at this byte of the first shard's index.
  std::int64_t index_number(std::size_t at) const {
    std::int64_t number = 0;
    std::memcpy(&number, util::read_file(dir_ / "train-00000.idx").data() + at, sizeof number);
    return number;
  }
  static void write(SplitWriter& writer, const Document& tokens) {
    writer.write({.tokens = std::as_bytes(std::span(tokens)), .content = 3, .text_bytes = 9});
  }

  // In memory, where the holes of files take no time to read.
  TempDir dir_{std::filesystem::is_directory("/dev/shm") ? "/dev/shm"
                                                         : std::filesystem::temp_directory_path()};
};

TEST_F(LargeShards, AreGoneOnWith) {
  const PreparationJournal journal = read_journal(dir_.path()).value();
  EXPECT_EQ(journal.bytes_read, 5 * kLarge);
  EXPECT_EQ(journal.counts.text_bytes, 4 * kLarge);
  SplitWriter writer(dir_.path(), "train", {.shard_tokens = kLarge + 5}, journal.train);
  write(writer, {7, 9, 8});
  EXPECT_EQ(writer.sync().shards.open_tokens, kLarge + 3) << "the shard is not full yet";
  write(writer, {5, 6});
  write(writer, {4});
  EXPECT_EQ(writer.stats().tokens, kLarge + 6);
  EXPECT_EQ(writer.stats().bytes, 4 * kLarge + 27);
  const std::vector<ShardInfo> shards = writer.finish();
  ASSERT_EQ(shards.size(), 2U);
  EXPECT_EQ(shards[0].tokens, kLarge + 5);
  EXPECT_EQ(shards[1].tokens, 1);

  // The first document has sequences of 2^30, 2^30 and 995 tokens, the others one each.
  const std::size_t pointers = 34 + 6 * 4;
  EXPECT_EQ(index_number(pointers + 2 * 8), std::int64_t{1} << 32);
  EXPECT_EQ(index_number(pointers + 5 * 8), 2 * (kLarge + 3));
  const TokenShards tokens({dir_ / "train-00000", dir_ / "train-00001"}, kAllU16);
  EXPECT_THAT(tokens.document_ends(),
              ElementsAre(kLarge - 5, kLarge, kLarge + 3, kLarge + 5, kLarge + 6));
  std::vector<std::int32_t> last(7);
  tokens.read(kLarge - 1, last);
  EXPECT_THAT(last, ElementsAre(0, 7, 9, 8, 5, 6, 4));
}

TEST_F(LargeShards, AreDescribedInTheSidecar) {
  Sidecar sidecar;
  sidecar.train.stats = {.documents = kLarge, .bytes = 4 * kLarge, .tokens = 2 * kLarge};
  sidecar.train.shards = {{.name = "train-00000", .tokens = 2 * kLarge, .documents = kLarge}};
  sidecar.sources = {{.name = "a",
                      .path = "/a",
                      .bytes = 5 * kLarge,
                      .counts = {.documents = kLarge, .tokens = 2 * kLarge}}};
  write_text(dir_ / util::kCorpusFile, to_json(sidecar));
  const Sidecar found = read_sidecar(dir_.path());
  EXPECT_EQ(found.train.stats.documents, kLarge);
  EXPECT_EQ(found.train.stats.bytes, 4 * kLarge);
  EXPECT_EQ(found.train.stats.tokens, 2 * kLarge);
  EXPECT_EQ(found.train.shards.at(0).tokens, 2 * kLarge);
  EXPECT_EQ(found.sources.at(0).bytes, 5 * kLarge);
  EXPECT_EQ(found.sources.at(0).counts.tokens, 2 * kLarge);
}

}  // namespace
}  // namespace superpose::corpus
