// What is held out where a share of the documents cannot be, and that another choice of it
// tokenizes nothing again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "corpus/corpus.h"
#include "corpus/inspection.h"
#include "corpus_support.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "tokenizer/bytes.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::names;
using test::write_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> texts(const TokenShards& shards) {
  std::vector<std::string> result;
  for (std::int64_t i = 0; i < shards.num_documents(); ++i) {
    std::vector<std::int32_t> ids = document_at(shards, i);
    EXPECT_EQ(ids.back(), tokenizer::kEndOfDocument);
    ids.pop_back();
    std::string& text = result.emplace_back();
    for (const std::int32_t id : ids) text += static_cast<char>(id);
  }
  return result;
}

class HeldOut : public ::testing::Test {
 protected:
  HeldOut() {
    config_.sources = {path("text")};
    config_.cache_dir = path("cache");
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }
  void write_documents(int count, std::size_t size) {
    for (int i = 0; i < count; ++i) {
      const std::string name = std::to_string(1000 + i);
      write_text(dir_ / ("text/" + name + ".txt"), name + std::string(size - 4, 'x'));
    }
  }
  // Prepares, and collects what the user is told.
  PreparedCorpus prepare(const PrepareOptions& options = {}) {
    notes_.clear();
    tokenized_ = 0;
    return prepare_corpus(
        config_,
        [&](const PrepareProgress& progress) {
          if (!progress.note.empty()) notes_.emplace_back(progress.note);
          if (progress.begins) tokenized_ += progress.num_sources;
        },
        options);
  }
  // With the documents of a file left out.
  PreparedCorpus prepare_without(const std::vector<std::string>& contents) {
    PrepareOptions options;
    for (const std::string& text : contents) options.left_out.push_back(util::hash64(text));
    std::sort(options.left_out.begin(), options.left_out.end());
    return prepare(options);
  }

  test::TempDir dir_;
  DataConfig config_;
  std::vector<std::string> notes_;
  std::int64_t tokenized_ = 0;  // files
};

// A corpus by itself holds out another part of these than one of several does: neither may be
// served what was prepared for the other, whichever comes first.
TEST_F(HeldOut, ByItselfAndInAMixtureHaveSplitsOfTheirOwn) {
  config_.validation_share = 0.04;
  PrepareOptions one_of_several;
  one_of_several.any_share = true;
  PreparedCorpus several;
  for (int salt = 0; several.validation_stats.documents == 0 || several.held_out_ends; ++salt) {
    ASSERT_LT(salt, 100);
    fs::remove_all(path("text"));
    fs::remove_all(path("cache"));
    write_documents(6, 400);
    write_text(dir_ / "text/salt.txt", std::to_string(salt) + std::string(400, 'y'));
    several = prepare(one_of_several);
  }
  const PreparedCorpus alone = prepare();
  EXPECT_NE(alone.validation_fingerprint, several.validation_fingerprint);
  EXPECT_EQ(prepare(one_of_several).validation_fingerprint, several.validation_fingerprint);
  EXPECT_EQ(prepare().validation_fingerprint, alone.validation_fingerprint);
  fs::remove_all(path("cache"));
  EXPECT_EQ(prepare().validation_fingerprint, alone.validation_fingerprint);
  EXPECT_EQ(prepare(one_of_several).validation_fingerprint, several.validation_fingerprint);
}

TEST_F(HeldOut, TheEndOfOneFileInTwoHalves) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line " + std::to_string(100 + i) + "\n";
  write_text(dir_ / "text/a.txt", text);
  config_.validation_share = 0.1;
  const PreparedCorpus corpus = prepare();
  EXPECT_TRUE(corpus.held_out_ends);
  EXPECT_THAT(texts(*corpus.train), ElementsAre(text.substr(0, 810)));
  EXPECT_THAT(texts(*corpus.validation), ElementsAre(text.substr(810, 45), text.substr(855)));
  EXPECT_THAT(corpus.validation_halves, ::testing::UnorderedElementsAre(Half::kA, Half::kB));
  EXPECT_EQ(corpus.train_stats.bytes, 810);
  EXPECT_EQ(corpus.train_stats.tokens, 811);
  EXPECT_DOUBLE_EQ(corpus.held_out_share, 0.1);
  EXPECT_EQ(verify_corpus(corpus.folder).sources, 1);
}

TEST_F(HeldOut, TheEndBeginsWithACharacter) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "\xE2\x82\xAC";  // three bytes each
  write_text(dir_ / "text/a.txt", text);
  config_.validation_share = 0.1;  // 12 bytes of 120, of 121: 12 again, one byte late
  EXPECT_EQ(prepare().validation_stats.bytes, 12);
  write_text(dir_ / "text/a.txt", text + "a");
  const PreparedCorpus corpus = prepare();
  EXPECT_EQ(corpus.validation_stats.bytes, 10);
  EXPECT_EQ(corpus.train_stats.bytes, 111);
}

// Another share is another corpus, whose training documents are not the same.
TEST_F(HeldOut, EndsAreInTheFingerprint) {
  write_documents(3, 1000);
  const PreparedCorpus one = prepare();
  EXPECT_THAT(texts(*one.validation), SizeIs(3));
  config_.validation_share = 0.02;
  EXPECT_NE(prepare().fingerprint, one.fingerprint);
}

// A document of most of the text is drawn among a hundred: it is put back, and ends are held out.
TEST_F(HeldOut, ADrawOfMostOfTheTextIsReplaced) {
  write_documents(20, 100);
  config_.validation_share = 0.02;
  const auto is_drawn = [](const std::string& text) { return (util::hash64(text) >> 48) < 1000; };
  std::string large(100'000, 'l');
  while (!is_drawn(large)) large += 'l';
  write_text(dir_ / "text/large.txt", large);
  const PreparedCorpus corpus = prepare();
  EXPECT_TRUE(corpus.held_out_ends);
  EXPECT_EQ(corpus.train_stats.documents, 21);
  EXPECT_NEAR(corpus.held_out_share, 0.02, 0.001);
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("preparing again")));
  EXPECT_EQ(verify_corpus(corpus.folder).sources, 21);
}

// Two or more by number, but chance draws none: those with the lowest draws.
TEST_F(HeldOut, TheLowestDrawsAreHeldOutWhereNoneIsBelowTheShare) {
  std::vector<std::string> kept;
  for (int i = 0; std::ssize(kept) < 250; ++i) {
    std::string text = std::to_string(i) + std::string(50, 'y');
    const double draw = static_cast<double>(util::hash64(text) >> 11) * 0x1p-53;
    if (draw < 0.01) continue;
    write_text(dir_ / ("text/" + std::to_string(i) + ".txt"), text);
    kept.push_back(text);
  }
  const PreparedCorpus corpus = prepare();
  EXPECT_FALSE(corpus.held_out_ends);
  std::sort(kept.begin(), kept.end(), [](const std::string& a, const std::string& b) {
    return util::hash64(a) < util::hash64(b);
  });
  EXPECT_THAT(texts(*corpus.validation), ::testing::UnorderedElementsAre(kept[0], kept[1]));
  EXPECT_EQ(corpus.train_stats.documents, 248);
}

TEST_F(HeldOut, WhereTheDrawIsASplitItStays) {
  write_documents(200, 60);
  config_.validation_share = 0.05;
  const PreparedCorpus corpus = prepare();
  EXPECT_FALSE(corpus.held_out_ends);
  for (const std::string& text : texts(*corpus.validation)) {
    EXPECT_LT(static_cast<double>(util::hash64(text) >> 11) * 0x1p-53, 0.05);
  }
}

TEST_F(HeldOut, NamedFilesMayBeOfAnySize) {
  write_documents(2, 50'000);
  write_text(dir_ / "val.txt", "few");
  config_.validation = {path("val.txt")};
  EXPECT_THAT(texts(*prepare().validation), ElementsAre("few"));
  config_.validation = {path("text/1000.txt")};
  EXPECT_EQ(prepare().held_out_share, 0.5);
  config_.validation = {path("text")};
  EXPECT_THAT(error_of([&] { prepare(); }), HasSubstr("data.validation"));
}

TEST_F(HeldOut, AnotherNamedFileTokenizesItAlone) {
  write_documents(30, 60);
  write_text(dir_ / "val.txt", "one");
  config_.validation = {path("val.txt")};
  const PreparedCorpus one = prepare();
  EXPECT_EQ(tokenized_, 31);
  write_text(dir_ / "val.txt", "another");
  const PreparedCorpus another = prepare();
  EXPECT_EQ(tokenized_, 1);
  EXPECT_THAT(notes_, ElementsAre(names("held out", "new")));
  EXPECT_EQ(another.fingerprint, one.fingerprint);
  EXPECT_THAT(texts(*another.validation), ElementsAre("another"));
  EXPECT_EQ(fs::hard_link_count(another.folder / "train-00000.bin"), 3U);
  EXPECT_EQ(verify_corpus(another.folder).sources, 31);
}

// Copies of what is held out are left out, and come back with another set: nothing is tokenized for
// it, and the outcome is that of a cache without any of it.
TEST_F(HeldOut, AnotherSetLeavesOutOtherDocuments) {
  write_documents(30, 60);
  config_.validation_share = 0.2;
  config_.shard_tokens = 300;
  const std::vector<std::string> whole = texts(*prepare().train);
  const std::vector<std::string> without_first = {whole.begin() + 1, whole.end()};
  const std::vector<std::string> without_last = {whole.begin(), whole.end() - 1};
  std::map<std::string, PreparedCorpus> found;
  for (const std::string& left_out : {whole.front(), whole.back(), std::string("elsewhere")}) {
    found[left_out] = prepare_without({left_out});
    EXPECT_EQ(tokenized_, 0) << left_out;
    EXPECT_EQ(verify_corpus(found[left_out].folder).sources, 30);
  }
  EXPECT_EQ(texts(*found[whole.front()].train), without_first);
  EXPECT_EQ(texts(*found[whole.back()].train), without_last);
  EXPECT_EQ(texts(*found["elsewhere"].train), whole);
  EXPECT_EQ(found[whole.back()].left_out_documents, 1);
  EXPECT_EQ(found[whole.back()].train_stats.bytes, 60 * std::ssize(without_last));
  EXPECT_NE(found[whole.front()].fingerprint, found[whole.back()].fingerprint);
  EXPECT_EQ(found["elsewhere"].fingerprint, prepare().fingerprint);
  EXPECT_THAT(error_of([&] { prepare_without(whole); }), names("training document"));
}

TEST_F(HeldOut, DocumentsAreLeftOutOfThoseWhoseEndsAreHeldOut) {
  write_documents(3, 100);
  config_.validation_share = 0.1;
  const std::string second = util::read_file(dir_ / "text/1001.txt");
  const PreparedCorpus corpus = prepare_without({second});
  EXPECT_THAT(texts(*corpus.train), SizeIs(2));
  EXPECT_EQ(corpus.train_stats.bytes, 180);
  EXPECT_EQ(corpus.train_stats.tokens, 182);
  EXPECT_EQ(verify_corpus(corpus.folder).sources, 3);
}

TEST_F(HeldOut, EachDocumentKnowsItsFile) {
  write_documents(100, 60);
  config_.validation_share = 0.1;
  const auto expect_files = [](const PreparedCorpus& corpus) {
    for (const bool held_out : {false, true}) {
      const DocumentFiles files(corpus, held_out);
      const std::vector<std::string> documents =
          texts(held_out ? *corpus.validation : *corpus.train);
      for (std::size_t i = 0; i < documents.size(); ++i) {
        EXPECT_EQ(files.name_of(static_cast<std::int64_t>(i)), documents[i].substr(0, 4) + ".txt");
      }
    }
  };
  const PreparedCorpus whole = prepare();
  expect_files(whole);
  const auto train = texts(*whole.train);
  expect_files(prepare_without({train[3], train[4], train[50]}));
  config_.validation = {path("text/101?.txt")};
  expect_files(prepare());
  // As earlier versions recorded it.
  PreparedCorpus old = whole;
  for (SourceRecord& source : old.sources) source.counts.held_out = 0;
  EXPECT_EQ(DocumentFiles(old, false).name_of(0), "");
}

class GoneSources : public HeldOut {
 protected:
  GoneSources() {
    write_documents(40, 60);
    config_.validation_share = 0.1;
  }
};

TEST_F(GoneSources, WhatWasPreparedIsRead) {
  config_.sources.push_back(path("one.txt"));
  write_text(dir_ / "one.txt", "one more");
  const PreparedCorpus before = prepare();
  const auto set = texts(*before.train)[0];
  prepare_without({set});
  fs::remove(dir_ / "text/1003.txt");
  for (int i = 0; i < 2; ++i) {
    const PreparedCorpus after = prepare();
    EXPECT_EQ(after.folder, before.folder);
    EXPECT_TRUE(after.was_cached);
    EXPECT_THAT(notes_, ElementsAre(names("source files", "gone")));
    fs::remove_all(dir_ / "text");
    fs::remove(dir_ / "one.txt");
  }
  // Another set, and one as before.
  EXPECT_EQ(prepare_without({texts(*before.train)[1]}).left_out_documents, 1);
  EXPECT_EQ(tokenized_, 0);
  EXPECT_EQ(prepare_without({set}).left_out_documents, 1);
  config_.min_document_bytes = 2;
  EXPECT_THAT(error_of([&] { prepare(); }), names("no such file"));
}

TEST_F(GoneSources, OthersThatChangedAreAnError) {
  prepare();
  fs::remove(dir_ / "text/1003.txt");
  write_text(dir_ / "text/1004.txt", "other");
  EXPECT_THAT(error_of([&] { prepare(); }), AllOf(HasSubstr("gone since: " + path("text/1003.txt")),
                                                  HasSubstr("changed: " + path("text/1004.txt"))));
}

TEST_F(GoneSources, ANewFileInTheirPlaceIsAnotherCorpus) {
  const PreparedCorpus before = prepare();
  fs::rename(dir_ / "text/1003.txt", dir_ / "text/a.txt");
  EXPECT_NE(prepare().folder, before.folder);
  EXPECT_EQ(tokenized_, 40);
  config_.sources = {path("text/1005.txt"), path("new")};
  write_text(dir_ / "new/n.txt", std::string(500, 'n'));
  prepare();
  fs::remove(dir_ / "text/1005.txt");
  write_text(dir_ / "new/m.txt", "m");
  EXPECT_THAT(error_of([&] { prepare(); }), AllOf(HasSubstr("gone since: " + path("text/1005.txt")),
                                                  HasSubstr("new: " + path("new/m.txt"))));
}

// Its sidecars have no times: what lies in the folder is what there is.
TEST_F(GoneSources, OfAnEarlierVersionToo) {
  const PreparedCorpus before = prepare();
  std::string sidecar = util::read_file(before.folder / "corpus.json");
  for (std::size_t at = 0; (at = sidecar.find("modified_ns", at)) != std::string::npos;) {
    sidecar.replace(at, 11, "not_recorded");
  }
  write_text(before.folder / "corpus.json", sidecar);
  fs::remove(dir_ / "text/1003.txt");
  EXPECT_EQ(prepare().folder, before.folder);
  EXPECT_EQ(prepare_without({"elsewhere"}).folder, before.folder);
  EXPECT_THAT(error_of([&] { prepare_without({texts(*before.train)[0]}); }),
              names("source files", "gone", "validation set"));
}

}  // namespace
}  // namespace superpose::corpus
