#include "tokenizer/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "support/names.h"
#include "support/shared.h"
#include "support/temp_dir.h"
#include "support/zstd.h"
#include "tokenizer/trained_files.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"
#include "util/utf8.h"

namespace superpose::tokenizer {
namespace {

using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

NextDocument documents_of(std::vector<std::string> texts) {
  return [texts = std::move(texts), at = std::size_t{0}](std::string& text) mutable {
    if (at == texts.size()) return false;
    text = texts[at++];
    return true;
  };
}

// Exit status of train_reference.py.
int reference(const std::string& arguments) {
  const std::string configured = SUPERPOSE_PYTHON;  // empty in builds without libtorch
  const std::string python =
      configured.empty() ? SUPERPOSE_SOURCE_DIR "/.venv/bin/python" : configured;
  const std::string script = SUPERPOSE_SOURCE_DIR "/tests/unit/tokenizer/train_reference.py ";
  const int status = std::system((python + " " + script + arguments).c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

util::Json load(const std::filesystem::path& path) {
  return util::parse_json(util::read_file(path), path.string());
}

// Whatever spelling of merges: two texts each.
std::vector<std::pair<std::string, std::string>> merges_of(const util::Json& tokenizer) {
  std::vector<std::pair<std::string, std::string>> merges;
  for (const util::Json& merge : tokenizer["model"]["merges"]) {
    merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  return merges;
}

std::map<std::string, int> vocabulary_of(const util::Json& tokenizer) {
  return tokenizer["model"]["vocab"].get<std::map<std::string, int>>();
}

void expect_same(const TrainedBpe& trained, const std::filesystem::path& expected) {
  const util::Json theirs = load(expected);
  const util::Json ours = util::parse_json(trained_tokenizer_json(trained), "trained");
  EXPECT_EQ(merges_of(ours), merges_of(theirs));
  EXPECT_EQ(vocabulary_of(ours), vocabulary_of(theirs));
  EXPECT_EQ(ours["added_tokens"], theirs["added_tokens"]);
}

std::vector<std::pair<std::string, std::string>> spelled_merges(const TrainedBpe& trained) {
  std::vector<std::pair<std::string, std::string>> merges;
  for (const auto& [first, second] : trained.merges) {
    merges.emplace_back(trained.tokens[first], trained.tokens[second]);
  }
  return merges;
}

BpeSettings plain_settings(std::int64_t vocabulary_size) {
  return {.vocabulary_size = vocabulary_size, .min_frequency = 2};
}

BpeSettings settings_of(const std::filesystem::path& folder) {
  const std::map<std::string, SplitPattern> patterns = {{"gpt2", SplitPattern::kGpt2},
                                                        {"llama3", SplitPattern::kLlama3},
                                                        {"qwen2", SplitPattern::kQwen2}};
  const util::Json json = load(folder / "settings.json");
  return {.vocabulary_size = json["vocabulary_size"],
          .special_tokens = json["special_tokens"],
          .min_frequency = json["min_frequency"],
          .pattern = patterns.at(json["pattern"])};
}

TEST(BpeTrainer, MergesTheMostFrequentPairAndBreaksTiesByTheSmallerIds) {
  // Words "xab" 3, "ab" (after the line end) 2, "cd" 3: (a, b) 5; then (x, ab) and (c, d) 3 each,
  // and c comes before x. "ef" occurs once.
  const TrainedBpe trained =
      train_bpe(plain_settings(300), documents_of({"xab\nxab\nxab", "ab\nab", "cd\ncd\ncd\nef"}));
  EXPECT_THAT(spelled_merges(trained),
              ElementsAre(std::pair("a", "b"), std::pair("c", "d"), std::pair("x", "ab")));
  EXPECT_EQ(trained.tokens.size(), 259U);
  EXPECT_EQ(trained.documents, 3);
  EXPECT_EQ(trained.bytes, 27);
}

TEST(BpeTrainer, MergesRunsFromTheLeft) {
  // "aaaaa" is aa aa a: the pair (a, a) counts four times and is merged twice.
  const TrainedBpe trained = train_bpe(plain_settings(258), documents_of({"aaaaa", "aaaaa"}));
  EXPECT_THAT(spelled_merges(trained), ElementsAre(std::pair("a", "a"), std::pair("aa", "a")));
}

TEST(BpeTrainer, BytesComeAfterSpecialTokensInTheOrderOfTheirCharacters) {
  BpeSettings settings = plain_settings(258);
  settings.special_tokens = {"<one>", "<two>", "<one>"};
  const TrainedBpe trained = train_bpe(settings, documents_of({"x"}));
  EXPECT_EQ(trained.num_special, 2);
  EXPECT_EQ(trained.tokens[1], "<two>");
  EXPECT_EQ(trained.tokens[2], "!");
  EXPECT_EQ(trained.tokens.size(), 258U);
  EXPECT_TRUE(trained.merges.empty());
}

TEST(BpeTrainer, RefusesSettingsOutOfRange) {
  const auto error_of = [](BpeSettings settings, std::vector<std::string> texts = {"text"}) {
    return [=] { train_bpe(settings, documents_of(texts)); };
  };
  EXPECT_THAT(error_of(plain_settings(255)), ThrowsMessage<util::Error>(names("[256, 2^31 - 1]")));
  BpeSettings settings = plain_settings(256);
  settings.special_tokens = {"<end>"};
  EXPECT_THAT(error_of(settings), ThrowsMessage<util::Error>(HasSubstr("[257,")));
  settings.special_tokens = {""};
  EXPECT_THAT(error_of(settings), ThrowsMessage<util::Error>(names("empty")));
  settings.special_tokens = {"\xff"};
  EXPECT_THAT(error_of(settings), ThrowsMessage<util::Error>(names("UTF-8")));
  settings = plain_settings(300);
  settings.min_frequency = -1;
  EXPECT_THAT(error_of(settings), ThrowsMessage<util::Error>(HasSubstr("--min-frequency")));
  settings = plain_settings(300);
  settings.threads = 0;
  EXPECT_THAT(error_of(settings), ThrowsMessage<util::Error>(HasSubstr("threads")));
  EXPECT_THAT(error_of(plain_settings(300), {"", ""}),
              ThrowsMessage<util::Error>(names("no text", "2")));
}

TEST(BpeTrainer, PassesOnWhatTheSourceThrows) {
  BpeSettings settings = plain_settings(300);
  settings.threads = 3;
  const NextDocument broken = [](std::string&) -> bool { util::fail("source: broken"); };
  EXPECT_THAT([&] { train_bpe(settings, broken); },
              ThrowsMessage<util::Error>(HasSubstr("source: broken")));
}

TEST(BpeTrainer, ReportsProgress) {
  std::vector<TrainingProgress> seen;
  train_bpe(plain_settings(257), documents_of({"ab ab"}),
            [&](const TrainingProgress& progress) { seen.push_back(progress); });
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen[0].counting);
  EXPECT_EQ(seen[0].bytes, 5);
  EXPECT_FALSE(seen[1].counting);
  EXPECT_EQ(seen[1].tokens, 257);
}

TEST(BpeTrainer, EqualsTokenizersOnManySmallCorpora) {
  const test::TempDir dir;
  const int status = reference("cases " + dir.path().string());
  if (status == 77) GTEST_SKIP() << "skipped: tokenizers is absent";
  ASSERT_EQ(status, 0);
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    SCOPED_TRACE(entry.path().filename().string());
    BpeSettings settings = settings_of(entry.path());
    const std::vector<std::string> documents = load(entry.path() / "documents.json");
    for (const std::int64_t threads : {1, 4}) {
      settings.threads = threads;
      expect_same(train_bpe(settings, documents_of(documents)), entry.path() / "tokenizer.json");
    }
    ++cases;
  }
  EXPECT_EQ(cases, 22U);
}

TEST(BpeTrainer, FilesLoadInTokenizersAndTransformers) {
  const test::TempDir dir;
  const int status = reference("cases " + dir.path().string());
  if (status == 77) GTEST_SKIP() << "skipped: tokenizers is absent";
  ASSERT_EQ(status, 0);
  std::string checked;
  // With a special token inside the text; a token that is a byte; each of the other patterns.
  for (const std::string number : {"01", "04", "17", "19"}) {
    SCOPED_TRACE(number);
    const auto folder = dir / ("case-" + number);
    const TrainedBpe trained =
        train_bpe(settings_of(folder),
                  documents_of(load(folder / "documents.json").get<std::vector<std::string>>()));
    const auto out = dir / "files" / folder.filename().string();
    std::filesystem::create_directories(out);
    std::ofstream(out / "tokenizer.json") << trained_tokenizer_json(trained);
    std::ofstream(out / "tokenizer_config.json") << trained_tokenizer_config_json(trained);
    checked += " " + folder.string();
  }
  EXPECT_EQ(reference("check " + (dir / "files").string() + checked), 0);
}

// The first bytes of the modern prose, without a character that is cut at the end.
std::string modern_prose(std::size_t size) {
  std::string text =
      test::unpacked(test::shared_path("data/corpus/modern.txt.zst")).substr(0, size);
  text.resize(util::first_invalid_utf8(text));
  return text;
}

TEST(BpeTrainer, EqualsTheGoldenTokenizer) {
  if (!test::has_shared("golden/bpe")) GTEST_SKIP() << test::missing_shared("golden/bpe");
  if (!test::has_shared("data/corpus")) GTEST_SKIP() << test::missing_shared("data/corpus");
  BpeSettings settings = plain_settings(2048);
  settings.threads = 2;
  const TrainedBpe trained = train_bpe(settings, documents_of({modern_prose(3'000'000)}));
  EXPECT_EQ(trained.merges.size(), 1792U);
  EXPECT_EQ(trained.words, 602588);  // summary.json
  EXPECT_EQ(trained.distinct_words, 23017);
  expect_same(trained, test::shared_path("golden/bpe/tokenizer.json"));
}

TEST(BpeTrainer, EqualsTokenizersOnRealText) {
  if (!test::has_shared("data/corpus")) GTEST_SKIP() << test::missing_shared("data/corpus");
  const test::TempDir dir;
  const std::string text = modern_prose(4'000'000);
  std::ofstream(dir / "text") << text;
  const int status = reference("train " + (dir / "text").string() + " " +
                               (dir / "theirs.json").string() + " 8000");
  if (status == 77) GTEST_SKIP() << "skipped: tokenizers is absent";
  ASSERT_EQ(status, 0);
  std::vector<std::string> paragraphs;
  for (std::size_t begin = 0; begin != text.npos;) {
    const std::size_t end = text.find("\n\n", begin);
    paragraphs.push_back(text.substr(begin, end - begin));
    begin = end == text.npos ? end : end + 2;
  }
  BpeSettings settings = plain_settings(8000);
  settings.special_tokens = {"<|endoftext|>"};
  settings.threads = 2;
  expect_same(train_bpe(settings, documents_of(paragraphs)), dir / "theirs.json");
}

}  // namespace
}  // namespace superpose::tokenizer
