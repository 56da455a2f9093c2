// Corpora of token files, read in place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "corpus/corpus.h"
#include "corpus/corpus_record.h"
#include "corpus_support.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "tokenizer/bytes.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;
using test::Document;
using test::error_of;
using test::names;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Few tokens, many of them held out.
const PrepareOptions kAnyShare{.any_share = true};

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
  const PreparedCorpus corpus = prepare_corpus(config_, {}, kAnyShare);
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
  const PreparedCorpus again = prepare_corpus(config_, {}, kAnyShare);
  EXPECT_TRUE(again.was_cached);
  EXPECT_EQ(again.fingerprint, corpus.fingerprint);
  const VerifyReport report = verify_corpus(corpus.folder);
  EXPECT_EQ(report.shards, 0);
  EXPECT_EQ(report.sources, 2);
}

TEST_F(TokenCorpus, AllOrNoneMayBeHeldOut) {
  config_.validation.clear();
  const PreparedCorpus none = prepare_corpus(config_, {}, {.none_held_out = true});
  EXPECT_EQ(none.validation->num_tokens(), 0);
  EXPECT_EQ(none.train->num_tokens(), 5);
  const PreparedCorpus all = prepare_corpus(config_, {}, {.all_held_out = true});
  EXPECT_EQ(all.validation->num_tokens(), 5);
  EXPECT_EQ(all.train->num_tokens(), 0);
}

// As of text: what is held out is not trained on, wherever the copy lies and however it is stored.
TEST_F(TokenCorpus, CopiesOfHeldOutDocumentsAreLeftOut) {
  test::write_shards(dir_ / "in", {Document{'x', 'y', 256}, Document{'a', 'b', 256},
                                   Document{'z', 256}, Document{256}, Document{'c', 256}});
  const PreparedCorpus corpus = prepare_corpus(config_, {}, kAnyShare);
  EXPECT_EQ(corpus.left_out_documents, 2);
  EXPECT_EQ(corpus.train_stats.documents, 3);
  EXPECT_EQ(corpus.train_stats.tokens, 6);
  EXPECT_EQ(corpus.train_stats.bytes, 3);
  std::vector<std::int32_t> ids(6);
  corpus.train->read(0, ids);
  EXPECT_THAT(ids, ElementsAre('a', 'b', 256, 256, 'c', 256));
  EXPECT_THAT(corpus.train->document_ends(), ElementsAre(3, 4, 6));
  EXPECT_EQ(verify_corpus(corpus.folder).sources, 2);

  // A set of its own, by the contents of its documents.
  config_.validation.clear();
  const PrepareOptions options{.none_held_out = true, .left_out = {util::hash64("ab")}};
  const PreparedCorpus other = prepare_corpus(config_, {}, options);
  EXPECT_EQ(other.left_out_documents, 1);
  EXPECT_THAT(other.train->document_ends(), ElementsAre(3, 5, 6, 8));
  EXPECT_NE(other.fingerprint, prepare_corpus(config_, {}, {.none_held_out = true}).fingerprint);
}

// An added token is the text that it is, though its letters stand for bytes in a vocabulary.
TEST_F(TokenCorpus, CopiesWithAddedTokensAreLeftOut) {
  util::Json file = util::Json::parse(tokenizer::byte_tokenizer_json());
  util::Json token = file["added_tokens"][0];
  token["id"] = 257;
  token["content"] = "\u0111em";
  token["special"] = false;
  file["added_tokens"].push_back(token);
  test::write_text(dir_ / "t/tokenizer.json", file.dump());
  config_.tokenizer = (dir_ / "t").string();
  config_.validation.clear();
  test::write_shards(dir_ / "in", {Document{257, ' ', 'x', 256}, Document{'c', 256}});
  const PrepareOptions options{.none_held_out = true, .left_out = {util::hash64("\u0111em x")}};
  const PreparedCorpus corpus = prepare_corpus(config_, {}, options);
  EXPECT_EQ(corpus.left_out_documents, 1);
  EXPECT_EQ(corpus.bytes_per_id[257], 4);
}

TEST_F(TokenCorpus, CopiesAreLeftOutOfFilesThatMarkTheirDocuments) {
  const auto write = [&](const fs::path& path, const Document& ids) {
    test::write_text(path, {reinterpret_cast<const char*>(ids.data()), 2 * ids.size()});
  };
  write(dir_ / "raw/train.u16", {'x', 'y', 256, 'a', 256, 'z', 256, 'b', 'c', 256, 'x', 'y'});
  write(dir_ / "raw/held.u16", {'x', 'y', 256, 'z', 256});
  config_.sources = {(dir_ / "raw/train.u16").string()};
  config_.validation = {(dir_ / "raw/held.u16").string()};
  config_.format = TokenFormat::kRawU16;
  const PreparedCorpus corpus = prepare_corpus(config_, {}, kAnyShare);
  EXPECT_EQ(corpus.left_out_documents, 3);
  std::vector<std::int32_t> ids(5);
  corpus.train->read(0, ids);
  EXPECT_THAT(ids, ElementsAre('a', 256, 'b', 'c', 256));
  EXPECT_THAT(corpus.train->document_ends(), ElementsAre(2, 5));
}

// The same .bin read in another order by its .idx: sequences of 3 and 2 tokens are those of 2
// and 3.
TEST_F(TokenCorpus, AnIndexIsPartOfItsFile) {
  const PreparedCorpus before = prepare_corpus(config_, {}, kAnyShare);
  const fs::path bin = dir_ / "in/train-00000.bin";
  const fs::path idx = dir_ / "in/train-00000.idx";
  const std::string bytes = util::read_file(bin);
  const auto time = fs::last_write_time(bin);
  test::write_shards(dir_ / "in", {Document{'a', 'b'}, Document{256, 'c', 256}});
  ASSERT_EQ(util::read_file(bin), bytes);
  fs::last_write_time(bin, time);
  EXPECT_THAT(error_of([&] { open_corpus(before.folder); }), HasSubstr(idx.string()));
  EXPECT_THAT(verify_corpus(before.folder).changed_sources, ElementsAre(idx.string()));

  const PreparedCorpus after = prepare_corpus(config_, {}, kAnyShare);
  EXPECT_FALSE(after.was_cached);
  EXPECT_NE(after.fingerprint, before.fingerprint);
  std::vector<CorpusFile> files[2];
  append_files("", before.sources[0], files[0]);
  append_files("", after.sources[0], files[1]);
  EXPECT_EQ(describe_changes(files[0], files[1]), "changed train-00000.idx");
}

TEST_F(TokenCorpus, ChangedFilesAreNamed) {
  const fs::path folder = prepare_corpus(config_, {}, kAnyShare).folder;
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

TEST_F(TokenCorpus, VerifyFindsDamageBesideTheTokens) {
  const fs::path folder = prepare_corpus(config_, {}, kAnyShare).folder;
  for (const char* name : {"bytes_per_id.i32", "tokenizer.json", "validation.contents"}) {
    const std::string content = util::read_file(folder / name);
    std::string damaged = content;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    test::write_text(folder / name, damaged);
    EXPECT_THAT(error_of([&] { verify_corpus(folder); }),
                AllOf(HasSubstr(name), HasSubstr("is damaged")));
    test::write_text(folder / name, content);
  }
}

// nanoGPT's train.bin: one document, as nothing says where others end.
TEST_F(TokenCorpus, TheEndOfTheOnlyDocumentIsHeldOut) {
  Document ids(1000);
  std::iota(ids.begin(), ids.end(), std::uint16_t{0});
  for (std::uint16_t& id : ids) id = static_cast<std::uint16_t>('a' + id % 26);
  test::write_text(dir_ / "raw/train.u16",
                   {reinterpret_cast<const char*>(ids.data()), 2 * ids.size()});
  config_.sources = {(dir_ / "raw/train.u16").string()};
  config_.validation.clear();
  config_.validation_share = 0.05;
  config_.format = TokenFormat::kRawU16;
  const PreparedCorpus corpus = prepare_corpus(config_);
  EXPECT_TRUE(corpus.held_out_ends);
  EXPECT_EQ(corpus.train->num_tokens(), 950);
  EXPECT_THAT(corpus.validation->document_ends(), ElementsAre(26, 52));  // two halves of 25
  std::vector<std::int32_t> held_out(25), expected(ids.begin() + 950, ids.begin() + 975);
  corpus.validation->read(0, held_out);
  EXPECT_EQ(held_out, expected);
  EXPECT_EQ(verify_corpus(corpus.folder).sources, 1);
  EXPECT_EQ(prepare_corpus(config_).fingerprint, corpus.fingerprint);
  config_.validation_share = 0.1;
  EXPECT_NE(prepare_corpus(config_).fingerprint, corpus.fingerprint);
}

// A tail and a copy in one file: both are cut out of it.
TEST_F(TokenCorpus, EndsAndCopiesAreLeftOutTogether) {
  Document a(40, 'a'), b(40, 'b'), c(40, 'c');
  for (Document* document : {&a, &b, &c}) document->push_back(256);
  test::write_shards(dir_ / "in", {a, b, c});
  config_.validation.clear();
  config_.validation_share = 0.1;
  const PreparedCorpus corpus =
      prepare_corpus(config_, {}, {.left_out = {util::hash64(std::string(40, 'b'))}});
  EXPECT_TRUE(corpus.held_out_ends);
  EXPECT_EQ(corpus.left_out_documents, 1);
  EXPECT_THAT(corpus.train->document_ends(), ElementsAre(37, 74));
  EXPECT_THAT(corpus.validation->document_ends(), ElementsAre(5, 10));
}

TEST_F(TokenCorpus, TouchedFilesAreAsGoodAsBefore) {
  const fs::path folder = prepare_corpus(config_, {}, kAnyShare).folder;
  const fs::path file = dir_ / "in/train-00000.bin";
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  EXPECT_EQ(open_corpus(folder).train->num_tokens(), 5);
  EXPECT_EQ(verify_corpus(folder).sources, 2);
}

TEST_F(TokenCorpus, AnIndexIsNoSource) {
  config_.sources = {(dir_ / "in/train-00000.idx").string()};
  EXPECT_THAT(error_of([&] { prepare_corpus(config_, {}, kAnyShare); }),
              names("train-00000.idx", "train-00000.bin"));
  config_.sources.push_back((dir_ / "in/train-00000.bin").string());
  EXPECT_EQ(prepare_corpus(config_, {}, kAnyShare).train_stats.documents, 2);
}

TEST_F(TokenCorpus, ForeignTokensAreNamedWithTheirPlace) {
  test::write_shards(dir_ / "in", {Document{'a', 300, 256}});
  EXPECT_THAT(error_of([&] { prepare_corpus(config_, {}, kAnyShare); }),
              names("train-00000.bin", "257", "300", "token 1"));
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
              names("token files", "text", "a.txt"));
}

}  // namespace
}  // namespace superpose::corpus
