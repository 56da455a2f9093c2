#include "corpus/sources/source_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/corpus.h"
#include "corpus/prepare/prepare_plan.h"
#include "corpus/shards/sidecar.h"
#include "corpus_support.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::names;
using test::write_text;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kPng("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
const PrepareOptions kNoneHeldOut{.none_held_out = true};

class Binaries : public ::testing::Test {
 protected:
  void SetUp() override {
    write_text(dir_ / "in/a.txt", "a text");
    write_text(dir_ / "in/logo.png", kPng);
    write_text(dir_ / "in/sub/b.txt", "b text");
    config_.sources = {(dir_ / "in").string()};
    config_.cache_dir = (dir_ / "cache").string();
  }

  PreparedCorpus prepare() {
    notes_.clear();
    const auto note = [&](const PrepareProgress& p) {
      if (!p.note.empty()) notes_.emplace_back(p.note);
    };
    return prepare_corpus(config_, note, kNoneHeldOut);
  }
  std::string error() {
    return error_of([&] { prepare(); });
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }

  test::TempDir dir_;
  DataConfig config_;
  std::vector<std::string> notes_;
};

TEST_F(Binaries, InAFolderAreLeftOutAndCountedByName) {
  const PreparedCorpus corpus = prepare();
  EXPECT_EQ(corpus.train_stats.documents, 2);
  EXPECT_THAT(notes_, Contains(names("left out", "logo.png", "PNG")));
  ASSERT_EQ(corpus.sources.size(), 3U);
  EXPECT_EQ(corpus.sources[1].name, "logo.png");
  EXPECT_EQ(corpus.sources[1].left_out_as, "a PNG image");
  EXPECT_EQ(corpus.sources[1].counts.documents, 0);
  EXPECT_EQ(corpus.sources[0].left_out_as, "");
  EXPECT_EQ(count_left_out(corpus.sources), 1);
  const Sidecar sidecar = read_sidecar(corpus.folder);
  EXPECT_EQ(sidecar.sources[1].left_out_as, "a PNG image");
  EXPECT_EQ(verify_corpus(corpus.folder).sources, 3);
  // A glob is as a folder.
  config_.sources = {path("in/**/*")};
  EXPECT_EQ(prepare().train_stats.documents, 2);
}

// The corpus is that of the folder without them.
TEST_F(Binaries, LeaveNoTrace) {
  const std::string fingerprint = prepare().fingerprint;
  fs::remove(dir_ / "in/logo.png");
  config_.cache_dir = path("other-cache");
  const PreparedCorpus without = prepare();
  EXPECT_FALSE(without.was_cached);
  EXPECT_EQ(without.fingerprint, fingerprint);
}

TEST_F(Binaries, NamedThemselvesAreErrors) {
  config_.sources.push_back(path("in/logo.png"));
  EXPECT_THAT(error(), names("logo.png", "PNG", "data.on_binary"));
  config_.sources = {path("in/logo.png"), path("in")};
  EXPECT_THAT(error(), names(path("in/logo.png"), "PNG"));
  EXPECT_FALSE(fs::exists(dir_ / "cache") && !fs::is_empty(dir_ / "cache"));
  config_.on_binary = OnBinary::kSkip;
  EXPECT_EQ(prepare().train_stats.documents, 2);
  config_.sources = {path("in/a.txt")};
  config_.validation = {path("in/logo.png")};
  config_.on_binary = OnBinary::kAuto;
  EXPECT_THAT(error(), names(path("in/logo.png"), "PNG"));
}

TEST_F(Binaries, MayBeErrorsEverywhereOrText) {
  config_.on_binary = OnBinary::kError;
  EXPECT_THAT(error(), names("logo.png", "PNG"));
  config_.on_binary = OnBinary::kKeep;
  const PreparedCorpus corpus = prepare();
  EXPECT_EQ(corpus.train_stats.documents, 3);
  EXPECT_THAT(notes_, IsEmpty());
  EXPECT_EQ(count_left_out(corpus.sources), 0);
}

TEST_F(Binaries, NothingElseIsAnError) {
  config_.sources = {path("in/logo.png")};
  config_.on_binary = OnBinary::kSkip;
  EXPECT_THAT(error(), names("nothing", "logo.png", "PNG"));
}

TEST_F(Binaries, HeldOutFoldersMayHoldThem) {
  write_text(dir_ / "held/c.txt", "c text");
  write_text(dir_ / "held/logo.png", kPng);
  config_.validation = {path("held")};
  const PreparedCorpus corpus = prepare_corpus(config_, {}, {.any_share = true});
  EXPECT_EQ(corpus.validation_stats.documents, 1);
  EXPECT_EQ(corpus.train_stats.documents, 2);
}

// A name with .bin does not make tokens of a program.
TEST_F(Binaries, BesideTextOrTokensAreNoTokenFiles) {
  write_text(dir_ / "in/model.bin", std::string("\x7f"
                                                "ELF\2\1\1\0",
                                                8));
  EXPECT_EQ(prepare().train_stats.documents, 2);
  fs::create_directories(dir_ / "ids");
  test::write_shards(dir_ / "ids", {test::Document{'a', 256}});
  write_text(dir_ / "ids/logo.png", kPng);
  config_.sources = {path("ids")};
  const PreparedCorpus corpus = prepare();
  EXPECT_EQ(corpus.train_stats.tokens, 2);
  EXPECT_EQ(count_left_out(corpus.sources), 1);
  EXPECT_EQ(verify_corpus(corpus.folder).sources, 2);
  config_.format = TokenFormat::kRawU16;
  config_.sources = {path("in/logo.png")};
  EXPECT_THAT(error(), names("PNG", "token ids"));
}

// Keys of before there was data.on_binary, computed by the program of that time.
TEST(RequestKey, IsThatOfBeforeOnBinary) {
  DataConfig config;
  config.sources = {"/texts/a", "/texts/b.txt"};
  config.document_separator = "\\n\\n";
  config.cache_dir = "/cache";
  EXPECT_EQ(request_key(config, {}), "c25e3a17b3d8520b");
  config.on_binary = OnBinary::kKeep;
  EXPECT_NE(request_key(config, {}), "c25e3a17b3d8520b");
}

class Undivided : public Binaries {
 protected:
  void SetUp() override {
    Binaries::SetUp();
    config_.sources = {path("large.txt")};
    config_.document_separator = "\\n\\n";
  }
};

TEST_F(Undivided, LargeFilesAreWarnedAbout) {
  write_text(dir_ / "large.txt", std::string(1 << 20, 'x'));
  prepare();
  EXPECT_THAT(notes_,
              Contains(AllOf(HasSubstr("data.document_separator"), HasSubstr("large.txt"))));
  write_text(dir_ / "large.txt", std::string((1 << 20) - 1, 'x'));
  prepare();
  EXPECT_THAT(notes_, IsEmpty());
  write_text(dir_ / "large.txt", std::string(1 << 20, 'x') + "\r\n\r\nb");
  EXPECT_EQ(prepare().train_stats.documents, 2);
  EXPECT_THAT(notes_, IsEmpty());
  write_text(dir_ / "large.txt", std::string(1 << 20, 'x'));
  config_.document_separator = "";
  prepare();
  EXPECT_THAT(notes_, IsEmpty());
  write_text(dir_ / "large.jsonl", "{\"text\": \"" + std::string(1 << 20, 'x') + "\"}");
  config_.document_separator = "\\n\\n";
  config_.sources = {path("large.jsonl")};
  prepare();
  EXPECT_THAT(notes_, IsEmpty());
}

}  // namespace
}  // namespace superpose::corpus
