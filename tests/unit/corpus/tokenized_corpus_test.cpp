// Corpora of BPE tokenizers, held against the `tokenizers` library and NumPy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/corpus.h"
#include "corpus/streams/byte_stream.h"
#include "corpus_support.h"
#include "support/names.h"
#include "support/shared.h"
#include "support/temp_dir.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::corpus {
namespace {

using test::names;

namespace fs = std::filesystem;

std::string json_lines() {
  const std::vector<std::string> texts = {
      "The quick brown fox.",
      "  spaces\n\n\tand tabs  ",
      "<|endoftext|> is text here, and <|im_start|> too<|endoftext|>",
      "na\u00EFve caf\u00E9 \u65E5\u672C\u8A9E \U0001F600\U0001F468\u200D\U0001F469",
      "1234567 don't we'll I'M",
      std::string(3000, 'a'),
      "line\u2028separator\u0085 and nul \\u0000",
  };
  std::string lines;
  for (int i = 0; i < 400; ++i) {
    std::string text = texts[static_cast<std::size_t>(i) % texts.size()] + " " + std::to_string(i);
    lines += util::Json{{"text", text}}.dump() + "\n";
  }
  return lines;
}

// What check_corpus.py says; "skipped" where it lacks a package.
std::string check(const PreparedCorpus& corpus, const fs::path& tokenizer,
                  const std::string& special, const fs::path& source, const fs::path& out) {
  const int status = test::run_command(
      test::python() + " " SUPERPOSE_SOURCE_DIR "/tests/unit/corpus/check_corpus.py " +
      corpus.folder.string() + " " + tokenizer.string() + " " + special + " " + source.string() +
      " > " + out.string() + " 2>&1");
  return status == test::kSkipped ? "skipped" : util::read_file(out);
}

void compare(const fs::path& tokenizer, const test::TempDir& dir) {
  const fs::path source = dir / "in.jsonl";
  test::write_text(source, json_lines());
  DataConfig config;
  config.sources = {source.string()};
  config.cache_dir = (dir / "cache").string();
  config.tokenizer = tokenizer.string();
  config.validation_share = 0.05;
  config.shard_tokens = 4000;
  config.threads = 3;
  config.end_of_document = "<|endoftext|>";
  for (const SpecialTokens special : {SpecialTokens::kAsText, SpecialTokens::kRecognise}) {
    config.special_tokens = special;
    const PreparedCorpus corpus = prepare_corpus(config);
    const std::string name(kSpecialTokensNames[static_cast<std::size_t>(special)]);
    const std::string said = check(corpus, tokenizer, name, source, dir / "out.txt");
    if (said == "skipped") GTEST_SKIP() << "skipped: tokenizers or NumPy is not installed";
    EXPECT_THAT(said, ::testing::StartsWith("same ")) << name;
    EXPECT_EQ(verify_corpus(corpus.folder).sources, 1);
  }
}

TEST(TokenizedCorpus, IdsOfGpt2AreThoseOfTokenizers) {
  if (!test::has_shared("data/tokenizers")) GTEST_SKIP() << test::missing_shared("data/tokenizers");
  const test::TempDir dir;
  compare(test::shared_path("data/tokenizers/gpt2-tokenizer.json"), dir);
}

// 151,000 ids: shards of i32.
TEST(TokenizedCorpus, IdsOfQwen3AreThoseOfTokenizers) {
  if (!test::has_shared("data/tokenizers")) GTEST_SKIP() << test::missing_shared("data/tokenizers");
  const test::TempDir dir;
  const auto packed =
      open_decompressed(test::shared_path("data/tokenizers/qwen3-tokenizer.json.zst")).bytes;
  std::string json;
  std::vector<char> part(1 << 16);
  while (const std::size_t count = packed->read(part)) json.append(part.data(), count);
  test::write_text(dir / "qwen3.json", json);
  compare(dir / "qwen3.json", dir);
}

// Its key, what is wrong, and the value.
TEST(TokenizedCorpus, ATokenizerThatCannotBeOpenedIsNamedByItsKey) {
  const test::TempDir dir;
  test::write_text(dir / "in.txt", "text");
  DataConfig config;
  config.sources = {(dir / "in.txt").string()};
  config.cache_dir = (dir / "cache").string();
  config.tokenizer = (dir / "none").string();
  EXPECT_THAT(test::error_of([&] { prepare_corpus(config); }),
              names("data.tokenizer", config.tokenizer, "no such file", "bytes", "tokenizer.json",
                    "tiktoken"));
  config.tokenizer = "bytes";
  config.end_of_document = "</s>";
  EXPECT_THAT(test::error_of([&] { prepare_corpus(config); }),
              names("data.tokenizer", "bytes", "\"</s>\""));
}

}  // namespace
}  // namespace superpose::corpus
