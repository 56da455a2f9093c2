// Corpora of token files, read in place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/corpus.h"
#include "data_support.h"
#include "support/temp_dir.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;
using test::Document;
using test::error_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TokenCorpus : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_ / "in/held");
    test::write_shards(dir_ / "in", {Document{'a', 'b', 256}, Document{'c', 256}});
    test::write_shards(dir_ / "in/held", {Document{'x', 'y', 256}, Document{'z', 256}});
    config_.sources = {(dir_ / "in/train-00000.bin").string()};
    config_.validation = {(dir_ / "in/held").string()};
    config_.cache_dir = (dir_ / "cache").string();
  }
  test::TempDir dir_;
  DataConfig config_;
};

TEST_F(TokenCorpus, IsReadInPlace) {
  const PreparedCorpus corpus = prepare_corpus(config_);
  std::vector<std::int32_t> ids(5);
  corpus.train->read(0, ids);
  EXPECT_THAT(ids, ElementsAre('a', 'b', 256, 'c', 256));
  corpus.validation->read(0, ids);
  EXPECT_THAT(ids, ElementsAre('x', 'y', 256, 'z', 256));
  EXPECT_EQ(corpus.train_stats.documents, 2);
  EXPECT_EQ(corpus.train_stats.bytes, 3);
  EXPECT_EQ(corpus.train_stats.tokens, 5);
  EXPECT_EQ(corpus.validation_halves.size(), 2U);
  EXPECT_THAT(corpus.validation_contents, ElementsAre(util::hash64("xy"), util::hash64("z")));
  ASSERT_EQ(corpus.sources.size(), 2U);
  EXPECT_EQ(corpus.sources[0].name, "train-00000.bin");
  EXPECT_EQ(corpus.sources[0].bytes, 10);
  EXPECT_TRUE(corpus.sources[1].held_out);
  for (const auto& entry : fs::directory_iterator(corpus.folder)) {
    EXPECT_NE(entry.path().extension(), ".bin");
  }
  const PreparedCorpus again = prepare_corpus(config_);
  EXPECT_TRUE(again.was_cached);
  EXPECT_EQ(again.fingerprint, corpus.fingerprint);
  const VerifyReport report = verify_corpus(corpus.folder);
  EXPECT_EQ(report.shards, 0);
  EXPECT_EQ(report.sources, 2);
}

TEST_F(TokenCorpus, AllOrNoneMayBeHeldOut) {
  config_.validation.clear();
  EXPECT_THAT(error_of([&] { prepare_corpus(config_); }),
              AllOf(HasSubstr("data.validation"), HasSubstr("name the files that are held out")));
  const PreparedCorpus none = prepare_corpus(config_, {}, {.none_held_out = true});
  EXPECT_EQ(none.validation->num_tokens(), 0);
  EXPECT_EQ(none.train->num_tokens(), 5);
  const PreparedCorpus all = prepare_corpus(config_, {}, {.all_held_out = true});
  EXPECT_EQ(all.validation->num_tokens(), 5);
  EXPECT_EQ(all.train->num_tokens(), 0);
}

TEST_F(TokenCorpus, ChangedFilesAreNamed) {
  const fs::path folder = prepare_corpus(config_).folder;
  const fs::path file = dir_ / "in/train-00000.bin";
  std::string bytes = util::read_file(file);
  const auto time = fs::last_write_time(file);
  bytes[0] = 'q';
  test::write_text(file, bytes);
  fs::last_write_time(file, time);  // only its content gives it away
  EXPECT_THAT(verify_corpus(folder).changed_sources, ElementsAre(file.string()));
  fs::last_write_time(file, time + std::chrono::seconds(1));
  EXPECT_THAT(error_of([&] { open_corpus(folder); }), HasSubstr(file.string()));
}

TEST_F(TokenCorpus, AnIndexIsNoSource) {
  config_.sources = {(dir_ / "in/train-00000.idx").string()};
  EXPECT_THAT(error_of([&] { prepare_corpus(config_); }),
              HasSubstr("train-00000.idx is the index of train-00000.bin: name that one"));
  config_.sources.push_back((dir_ / "in/train-00000.bin").string());
  EXPECT_EQ(prepare_corpus(config_).train_stats.documents, 2);
}

TEST_F(TokenCorpus, ForeignTokensAreNamedWithTheirPlace) {
  test::write_shards(dir_ / "in", {Document{'a', 300, 256}});
  EXPECT_THAT(error_of([&] { prepare_corpus(config_); }),
              AllOf(HasSubstr("train-00000.bin"), HasSubstr("below 257, got 300 at token 1")));
  EXPECT_FALSE(fs::exists(config_.cache_dir) && !fs::is_empty(config_.cache_dir));
}

TEST_F(TokenCorpus, WhatNeedsTextIsRefused) {
  const auto message = [&](auto change) {
    DataConfig config = config_;
    change(config);
    return error_of([&] { prepare_corpus(config); });
  };
  EXPECT_THAT(message([](DataConfig& c) { c.deduplicate = true; }), HasSubstr("data.deduplicate"));
  EXPECT_THAT(message([](DataConfig& c) { c.min_document_bytes = 1; }),
              HasSubstr("data.min_document_bytes"));
  EXPECT_THAT(message([](DataConfig& c) { c.max_document_bytes = 1; }),
              HasSubstr("data.max_document_bytes"));
  test::write_text(dir_ / "in/a.txt", "text");
  EXPECT_THAT(message([&](DataConfig& c) { c.sources.push_back((dir_ / "in/a.txt").string()); }),
              AllOf(HasSubstr("token files and text"), HasSubstr("a.txt")));
}

}  // namespace
}  // namespace superpose::data
