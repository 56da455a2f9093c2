#include "corpus/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "corpus/shards/sidecar.h"
#include "corpus_support.h"
#include "support/names.h"
#include "support/privileges.h"
#include "support/temp_dir.h"
#include "tokenizer/bytes.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::names;
using test::write_text;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The documents of a split as text.
std::vector<std::string> texts(const TokenShards& shards) {
  std::vector<std::string> result;
  std::int64_t begin = 0;
  for (const std::int64_t end : shards.document_ends()) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(end - begin));
    shards.read(begin, ids);
    EXPECT_EQ(ids.back(), tokenizer::kEndOfDocument);
    ids.pop_back();
    std::string& text = result.emplace_back();
    for (const std::int32_t id : ids) text += static_cast<char>(id);
    begin = end;
  }
  return result;
}

std::string text_of(int i) {
  return "document " + std::to_string(i) + ": " +
         std::string(static_cast<std::size_t>(50 + i % 9), 'x');
}

class Corpus : public ::testing::Test {
 protected:
  void SetUp() override {
    write_tree(dir_ / "text");
    config_.sources = {(dir_ / "text").string()};
    config_.validation_share = 0.05;
    config_.cache_dir = (dir_ / "cache").string();
  }
  static void write_tree(const fs::path& root) {
    for (int i = 0; i < kDocuments; ++i) {
      write_text(root / ("f" + std::to_string(i) + ".txt"), text_of(i));
    }
  }
  std::size_t folders_in_cache() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(dir_ / "cache"), fs::directory_iterator()));
  }

  static constexpr int kDocuments = 200;
  test::TempDir dir_;
  DataConfig config_;
};

TEST_F(Corpus, HoldsEveryDocumentOnceInOneOfTheSplits) {
  const PreparedCorpus corpus = prepare_corpus(config_);
  std::multiset<std::string> found;
  for (const auto& text : texts(*corpus.train)) found.insert(text);
  for (const auto& text : texts(*corpus.validation)) found.insert(text);
  std::multiset<std::string> expected;
  for (int i = 0; i < kDocuments; ++i) expected.insert(text_of(i));
  EXPECT_EQ(found, expected);

  EXPECT_EQ(std::ssize(corpus.sources), kDocuments);
  EXPECT_EQ(corpus.vocabulary_size, 257);
  EXPECT_EQ(corpus.padded_vocabulary_size, 320);
  EXPECT_EQ(corpus.train_stats.tokens, corpus.train_stats.bytes + corpus.train_stats.documents);
  EXPECT_EQ(corpus.train_stats.tokens, corpus.train->num_tokens());
  EXPECT_EQ(corpus.train_stats.documents + corpus.validation_stats.documents, kDocuments);
}

// 200 draws of 5 %: 10 documents, standard deviation 3.1; three of them either way.
TEST_F(Corpus, HoldOutFollowsTheShareAndHasBothHalves) {
  const PreparedCorpus corpus = prepare_corpus(config_);
  EXPECT_NEAR(static_cast<double>(corpus.validation_stats.documents), 10, 9.4);
  EXPECT_GT(corpus.validation_stats.documents, 0);
  EXPECT_NEAR(corpus.held_out_share,
              static_cast<double>(corpus.validation_stats.documents) / kDocuments, 0.01);
  const auto& halves = corpus.validation_halves;
  EXPECT_EQ(std::ssize(halves), corpus.validation_stats.documents);
  EXPECT_GT(std::count(halves.begin(), halves.end(), Half::kA), 0);
  EXPECT_GT(std::count(halves.begin(), halves.end(), Half::kB), 0);
}

TEST_F(Corpus, SameDocumentsAreHeldOutAndHalvedWhereverTheyLie) {
  write_tree(dir_ / "elsewhere/deep");
  DataConfig moved = config_;
  moved.sources = {(dir_ / "elsewhere/deep").string()};
  const PreparedCorpus here = prepare_corpus(config_);
  const PreparedCorpus there = prepare_corpus(moved);
  EXPECT_NE(here.folder, there.folder);
  EXPECT_EQ(here.fingerprint, there.fingerprint);
  EXPECT_EQ(here.validation_fingerprint, there.validation_fingerprint);
  EXPECT_EQ(texts(*here.validation), texts(*there.validation));
  EXPECT_EQ(here.validation_halves, there.validation_halves);
}

// Neither side nor half of a document depends on what else the corpus holds.
TEST_F(Corpus, OtherDocumentsDoNotMoveADocument) {
  const auto halves_of = [](const PreparedCorpus& corpus) {
    std::map<std::string, Half> halves;
    const auto held_out = texts(*corpus.validation);
    for (std::size_t i = 0; i < held_out.size(); ++i) {
      halves[held_out[i]] = corpus.validation_halves[i];
    }
    return halves;
  };
  const auto before = halves_of(prepare_corpus(config_));
  for (int i = kDocuments; i < 2 * kDocuments; ++i) {
    write_text(dir_ / ("text/a" + std::to_string(i) + ".txt"), text_of(i));
  }
  const auto after = halves_of(prepare_corpus(config_));
  EXPECT_GT(after.size(), before.size());
  for (const auto& [text, half] : before) {
    ASSERT_TRUE(after.contains(text));
    EXPECT_EQ(after.at(text), half);
  }
}

TEST_F(Corpus, FingerprintSeesContentAndBorders) {
  const auto fingerprint_of = [&](const std::string& text) {
    write_text(dir_ / "text/f7.txt", text);
    DataConfig config = config_;
    config.sources = {(dir_ / "text").string()};
    config.document_separator = "|";
    const auto corpus = prepare_corpus(config);
    return corpus.fingerprint + corpus.validation_fingerprint;
  };
  const std::set<std::string> different = {fingerprint_of("ab|cd"), fingerprint_of("abcd"),
                                           fingerprint_of("ab|ce"), fingerprint_of("abc|d")};
  EXPECT_EQ(different.size(), 4U);
}

TEST_F(Corpus, FingerprintSeesHowSpecialTokensAreRead) {
  const PreparedCorpus as_text = prepare_corpus(config_);
  config_.special_tokens = SpecialTokens::kRecognise;
  const PreparedCorpus recognised = prepare_corpus(config_);
  EXPECT_NE(recognised.fingerprint, as_text.fingerprint);
  EXPECT_NE(recognised.validation_fingerprint, as_text.validation_fingerprint);
  EXPECT_EQ(verify_corpus(recognised.folder).sources, kDocuments);
}

TEST(Fingerprint, SeesWhichTokenEndsADocument) {
  const std::vector<std::uint64_t> contents = {1, 2};
  SidecarTokenizer tokenizer{.name = "a.json", .hash = 3, .end_of_document = 4};
  const std::string one = fingerprint_of(contents, "AB", tokenizer);
  tokenizer.end_of_document = 5;
  EXPECT_NE(fingerprint_of(contents, "AB", tokenizer), one);
}

TEST_F(Corpus, CopiesFallOnOneSide) {
  for (int i = 0; i < kDocuments; ++i) {
    write_text(dir_ / ("text/copy" + std::to_string(i) + ".txt"), text_of(i));
  }
  const PreparedCorpus corpus = prepare_corpus(config_);
  const auto held_out = texts(*corpus.validation);
  for (const auto& text : texts(*corpus.train)) {
    EXPECT_EQ(std::count(held_out.begin(), held_out.end(), text), 0) << text;
  }
}

TEST_F(Corpus, SecondCallOpensTheCache) {
  int calls = 0;
  PrepareProgress last;
  const auto callback = [&](const PrepareProgress& progress) {
    ++calls;
    last = progress;
  };
  const PreparedCorpus first = prepare_corpus(config_, callback);
  EXPECT_FALSE(first.was_cached);
  EXPECT_EQ(calls, kDocuments + 1);
  EXPECT_EQ(last.bytes_done, last.num_bytes);
  EXPECT_EQ(last.sources_done, kDocuments);
  const PreparedCorpus second = prepare_corpus(config_, callback);
  EXPECT_TRUE(second.was_cached);
  EXPECT_EQ(calls, kDocuments + 1);
  EXPECT_EQ(first.folder, second.folder);
  EXPECT_EQ(first.fingerprint, second.fingerprint);
  EXPECT_EQ(first.validation_halves, second.validation_halves);
  EXPECT_EQ(first.held_out_share, second.held_out_share);
}

TEST_F(Corpus, ChangedTimeSizeNameOrSettingIsAnotherKey) {
  std::set<fs::path> folders = {prepare_corpus(config_).folder};
  const fs::path file = dir_ / "text/f3.txt";
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::milliseconds(1));
  const PreparedCorpus touched = prepare_corpus(config_);
  EXPECT_FALSE(touched.was_cached);
  folders.insert(touched.folder);

  const auto time = fs::last_write_time(file);
  write_text(file, text_of(3) + "!");
  fs::last_write_time(file, time);
  folders.insert(prepare_corpus(config_).folder);
  fs::rename(file, dir_ / "text/g3.txt");
  folders.insert(prepare_corpus(config_).folder);
  config_.validation_share = 0.06;
  folders.insert(prepare_corpus(config_).folder);
  config_.document_separator = ": ";
  folders.insert(prepare_corpus(config_).folder);
  config_.document_separator = "";
  config_.validation = {(dir_ / "text/f10?.txt").string()};
  folders.insert(prepare_corpus(config_).folder);
  EXPECT_EQ(folders.size(), 7U);

  config_.lanes = 3;  // no matter of the shards
  config_.document_aware = true;
  EXPECT_TRUE(prepare_corpus(config_).was_cached);
}

TEST_F(Corpus, NamedValidationFilesAreHeldOutAndTheirCopiesLeftOut) {
  write_text(dir_ / "text/copy.txt", text_of(105));
  config_.validation = {(dir_ / "text/f10?.txt").string()};
  const PreparedCorpus corpus = prepare_corpus(config_);
  std::vector<std::string> expected;
  for (int i = 100; i < 110; ++i) expected.push_back(text_of(i));
  EXPECT_EQ(texts(*corpus.validation), expected);
  EXPECT_EQ(corpus.train_stats.documents, kDocuments - 10);
  const auto train = texts(*corpus.train);
  EXPECT_EQ(std::count(train.begin(), train.end(), text_of(105)), 0);
}

TEST_F(Corpus, HeldOutDocumentsThatAreNotUtf8AreNamed) {
  write_text(dir_ / "held.txt",
             "good|b\xFF"
             "d");
  config_.validation = {(dir_ / "held.txt").string()};
  config_.document_separator = "|";
  config_.on_invalid_utf8 = InvalidUtf8::kError;
  EXPECT_THAT(error_of([&] { prepare_corpus(config_); }),
              names((dir_ / "held.txt").string(), "document 2", "UTF-8", "byte 1"));
}

TEST_F(Corpus, AllMayBeHeldOut) {
  const PreparedCorpus corpus = prepare_corpus(config_, {}, {.all_held_out = true});
  EXPECT_EQ(corpus.validation_stats.documents, kDocuments);
  EXPECT_EQ(corpus.train->num_tokens(), 0);
  EXPECT_EQ(corpus.held_out_share, 1);
  EXPECT_NE(corpus.folder, prepare_corpus(config_).folder);
}

TEST_F(Corpus, NoneMayBeHeldOut) {
  const PreparedCorpus corpus = prepare_corpus(config_, {}, {.none_held_out = true});
  EXPECT_EQ(corpus.train_stats.documents, kDocuments);
  EXPECT_EQ(corpus.validation->num_tokens(), 0);
  EXPECT_NE(corpus.folder, prepare_corpus(config_).folder);
}

TEST_F(Corpus, DocumentsOfAnotherCorpusAreLeftOut) {
  DataConfig other = config_;
  other.sources = {(dir_ / "text/f10?.txt").string()};
  const PreparedCorpus set = prepare_corpus(other, {}, {.all_held_out = true});
  ASSERT_EQ(set.validation_contents.size(), 10U);
  std::vector<std::uint64_t> left_out = set.validation_contents;
  std::sort(left_out.begin(), left_out.end());

  const auto whole = texts(*prepare_corpus(config_).train);
  const PreparedCorpus corpus = prepare_corpus(config_, {}, {.left_out = left_out});
  std::vector<std::string> expected;
  for (const std::string& text : whole) {
    if (!text.starts_with("document 10") || text.starts_with("document 10:")) {
      expected.push_back(text);
    }
  }
  EXPECT_LT(expected.size(), whole.size());
  EXPECT_EQ(corpus.left_out_documents, std::ssize(whole) - std::ssize(expected));
  EXPECT_EQ(texts(*corpus.train), expected);
}

TEST_F(Corpus, RecordsSayWhatBecameOfEachFile) {
  const PreparedCorpus corpus = prepare_corpus(config_);
  std::int64_t tokens = 0;
  for (const SourceRecord& source : corpus.sources) {
    EXPECT_EQ(source.counts.documents, 1);
    EXPECT_EQ(source.counts.tokens, source.bytes + 1);
    EXPECT_EQ(source.hash, util::hash_file(source.path));
    tokens += source.counts.tokens;
  }
  EXPECT_EQ(tokens, corpus.train_stats.tokens + corpus.validation_stats.tokens);
  EXPECT_EQ(corpus.tokenizer.end_of_document, 256);
  ASSERT_EQ(corpus.bytes_per_id.size(), 257U);
  EXPECT_EQ(corpus.bytes_per_id['x'], 1);
  EXPECT_EQ(corpus.bytes_per_id[256], 0);
}

TEST_F(Corpus, SeparatorCutsFilesIntoDocuments) {
  std::string all;
  for (int i = 0; i < kDocuments; ++i) all += text_of(i) + "\n---\n";
  write_text(dir_ / "all.txt", all);  // ends in a separator: an empty document, left out
  const PreparedCorpus files = prepare_corpus(config_);
  config_.sources = {(dir_ / "all.txt").string()};
  config_.document_separator = "\n---\n";
  const PreparedCorpus one = prepare_corpus(config_);
  EXPECT_EQ(std::ssize(one.sources), 1);
  EXPECT_EQ(one.train_stats.documents, files.train_stats.documents);
  EXPECT_EQ(one.train_stats.bytes, files.train_stats.bytes);
}

TEST_F(Corpus, SeparatorMayBeTypedWithEscapes) {
  write_text(dir_ / "text/f0.txt", "one\n--\ntwo");
  config_.document_separator = "\n--\n";
  const std::string expected = prepare_corpus(config_).fingerprint;
  config_.document_separator = "\\n--\\n";
  EXPECT_EQ(prepare_corpus(config_).fingerprint, expected);
  config_.document_separator = "\\section";
  EXPECT_THAT(error_of([&] { config_.validate(); }),
              names("data.document_separator", "backslash", "\\n"));
}

TEST_F(Corpus, EveryByteValueSurvives) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  write_text(dir_ / "text/f0.txt", bytes);
  config_.on_binary = OnBinary::kKeep;
  const PreparedCorpus corpus = prepare_corpus(config_);
  auto all = texts(*corpus.train);
  for (const auto& text : texts(*corpus.validation)) all.push_back(text);
  EXPECT_EQ(std::count(all.begin(), all.end(), bytes), 1);
}

TEST_F(Corpus, VerifyFindsAFlippedByteInEveryFile) {
  const fs::path folder = prepare_corpus(config_).folder;
  const VerifyReport clean = verify_corpus(folder);
  EXPECT_EQ(clean.shards, 2);
  EXPECT_EQ(clean.sources, kDocuments);
  for (const char* name : {"train-00000.bin", "train-00000.idx", "validation-00000.bin",
                           "bytes_per_id.i32", "tokenizer.json", "tokenizer_config.json"}) {
    const std::string content = util::read_file(folder / name);
    std::string damaged = content;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    write_text(folder / name, damaged);
    EXPECT_THAT(error_of([&] { verify_corpus(folder); }),
                AllOf(HasSubstr(name), HasSubstr("is damaged")));
    write_text(folder / name, content);
  }
  EXPECT_EQ(error_of([&] { verify_corpus(folder); }), "");
}

TEST_F(Corpus, VerifyListsSourcesThatChangedOrWent) {
  const fs::path folder = prepare_corpus(config_).folder;
  write_text(dir_ / "text/f5.txt", "other");
  fs::remove(dir_ / "text/f6.txt");
  const VerifyReport report = verify_corpus(folder);
  EXPECT_EQ(report.sources, kDocuments - 2);
  EXPECT_THAT(report.changed_sources, ::testing::ElementsAre((dir_ / "text/f5.txt").string()));
  EXPECT_THAT(report.missing_sources, ::testing::ElementsAre((dir_ / "text/f6.txt").string()));
}

// What a recipe was prepared to is found whatever became of its files, and nothing is prepared.
TEST_F(Corpus, IsFoundByItsRecipe) {
  EXPECT_EQ(find_corpus(config_).folder, std::nullopt);
  const fs::path first = prepare_corpus(config_).folder;
  EXPECT_EQ(find_corpus(config_).folder, first);
  write_text(dir_ / "text/f5.txt", "other");
  EXPECT_EQ(find_corpus(config_).folder, first);
  EXPECT_EQ(folders_in_cache(), 1U);
  const auto before = fs::last_write_time(first / "corpus.json") - std::chrono::hours(1);
  fs::last_write_time(first / "corpus.json", before);
  const fs::path second = prepare_corpus(config_).folder;
  EXPECT_EQ(find_corpus(config_).folder, second);
  // Asked for again, it is the last one again.
  fs::last_write_time(second / "corpus.json", before);
  fs::last_write_time(first / "corpus.json", before + std::chrono::seconds(1));
  EXPECT_EQ(find_corpus(config_).folder, first);
  EXPECT_TRUE(prepare_corpus(config_).was_cached);
  EXPECT_EQ(find_corpus(config_).folder, second);
  config_.min_document_bytes = 3;
  EXPECT_EQ(find_corpus(config_).folder, std::nullopt);
}

TEST_F(Corpus, SearchNamesTheFoldersThatItCannotRead) {
  const fs::path folder = prepare_corpus(config_).folder;
  EXPECT_THAT(find_corpus(config_).passed_over, ::testing::IsEmpty());
  write_text(folder / "corpus.json", "{");
  const CorpusSearch search = find_corpus(config_);
  EXPECT_EQ(search.folder, std::nullopt);
  EXPECT_THAT(search.passed_over,
              ::testing::ElementsAre(::testing::HasSubstr((folder / "corpus.json").string())));
}

TEST_F(Corpus, DamagedCacheIsRefusedByName) {
  const fs::path folder = prepare_corpus(config_).folder;
  fs::resize_file(folder / "train-00000.bin", 100);
  EXPECT_THAT(error_of([&] { prepare_corpus(config_); }),
              AllOf(HasSubstr("train-00000.bin"), HasSubstr("remove " + folder.string())));
  write_text(folder / "corpus.json", "{\"schema\": 3}");
  EXPECT_THAT(error_of([&] { open_corpus(folder); }), names("corpus.json", "missing", "'key'"));
  write_text(folder / "corpus.json", "{\"schema\": 99}");
  EXPECT_THAT(error_of([&] { open_corpus(folder); }), names("schema", "3", "99"));
  fs::remove(folder / "corpus.json");
  EXPECT_THAT(error_of([&] { open_corpus(folder); }), HasSubstr("corpus.json"));
}

TEST_F(Corpus, ErrorsSayWhatToDo) {
  for (const double share : {0.6, 0.0, -1.0}) {
    config_.validation_share = share;
    EXPECT_THAT(error_of([&] { config_.validate(); }), HasSubstr("data.validation_share"));
  }
  config_.validation_share = 0.05;

  for (const auto& file : fs::directory_iterator(dir_ / "text")) fs::resize_file(file.path(), 0);
  EXPECT_THAT(error_of([&] { prepare_corpus(config_); }), names("empty", "200"));
  config_.cache_dir = "";
  EXPECT_THAT(error_of([&] { prepare_corpus(config_); }), HasSubstr("data.cache_dir"));
}

TEST_F(Corpus, UnreadableSourceIsNamed) {
  fs::create_directory(dir_ / "cache");
  fs::permissions(dir_ / "cache", fs::perms::all);
  fs::permissions(dir_ / "text/f3.txt", fs::perms::none);
  const test::WithoutPrivileges unprivileged(dir_.path());
  if (!unprivileged.steps_down()) GTEST_SKIP() << test::kMayNotStepDown;
  EXPECT_THAT(error_of([&] { prepare_corpus(config_); }),
              AllOf(HasSubstr("f3.txt"), HasSubstr("Permission denied")));
  EXPECT_EQ(folders_in_cache(), 0U);
}

}  // namespace
}  // namespace superpose::corpus
