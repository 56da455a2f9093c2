// What Hugging Face tokenizers and llama.cpp make of hostile strings, stored next to the source
// tree.
#include <gtest/gtest.h>

#include <sstream>

#include "support/shared.h"
#include "support/zstd.h"
#include "tokenizer/tokenizer.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using test::lines_of;
using test::shared_path;
using test::unpacked;
using util::Json;

std::vector<Json> rows_of(const std::filesystem::path& path) {
  std::vector<Json> rows;
  for (const std::string& line : lines_of(unpacked(path))) rows.push_back(Json::parse(line));
  return rows;
}

std::vector<std::int32_t> encoded(const Tokenizer& tokenizer, const std::string& text,
                                  SpecialText special) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, special, ids);
  return ids;
}

Tokenizer load(const std::string& name) {
  const auto plain = shared_path("data/tokenizers/" + name + ".json");
  const auto packed = shared_path("data/tokenizers/" + name + ".json.zst");
  return std::filesystem::exists(plain) ? Tokenizer::from_json(util::read_file(plain), name)
                                        : Tokenizer::from_json(unpacked(packed), name);
}

void expect_rows(const Tokenizer& tokenizer, const std::filesystem::path& ids_file) {
  const auto texts = rows_of(shared_path("golden/tokenizers/strings.jsonl.zst"));
  const auto rows = rows_of(ids_file);
  ASSERT_EQ(rows.size(), texts.size());
  for (const Json& row : rows) {
    const auto text = texts.at(row.at("i").get<std::size_t>()).at("text").get<std::string>();
    const auto ids = row.at("ids").get<std::vector<std::int32_t>>();
    const auto as_text = row.value("ids_special_tokens_as_text", ids);
    EXPECT_EQ(encoded(tokenizer, text, SpecialText::kRecognise), ids) << row.at("i");
    EXPECT_EQ(encoded(tokenizer, text, SpecialText::kAsText), as_text) << row.at("i");
    EXPECT_FALSE(row.contains("ids_with_added_special_tokens"));
    EXPECT_EQ(tokenizer.decode(ids), row.value("decoded", text)) << row.at("i");
  }
}

class Golden : public ::testing::TestWithParam<const char*> {};

TEST_P(Golden, IdsAndTextAreThoseOfTokenizers) {
  if (!test::has_shared("golden/tokenizers")) GTEST_SKIP() << test::missing_shared("golden");
  const std::string name = GetParam();
  expect_rows(load(name), shared_path("golden/tokenizers/" + name + ".jsonl.zst"));
}

INSTANTIATE_TEST_SUITE_P(Files, Golden,
                         ::testing::Values("gpt2-tokenizer", "gpt2-pair-merges-tokenizer",
                                           "olmo-dolma1_5-neox-tokenizer", "qwen3-tokenizer",
                                           "torchtitan-small-tokenizer",
                                           "torchtune-tiny_bpe_tokenizer", "torchtune-tokenizer"));

TEST(Golden, TrainedTokenizer) {
  if (!test::has_shared("golden/bpe")) GTEST_SKIP() << test::missing_shared("golden/bpe");
  const auto path = shared_path("golden/bpe/tokenizer.json");
  expect_rows(Tokenizer::from_json(util::read_file(path), path),
              shared_path("golden/bpe/strings-ids.jsonl.zst"));
}

// llama.cpp's vocabulary tests: texts between separators, a line of ids each.
void expect_llama(const std::string& tokenizer, const std::string& vocabulary) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  const std::string base = "data/tokenizers/golden/ggml-vocab-" + vocabulary + ".gguf";
  if (!test::has_shared(base + ".inp")) GTEST_SKIP() << test::missing_shared(base);
  const Tokenizer loaded = load(tokenizer);
  std::string texts = util::read_file(shared_path(base + ".inp"));
  std::size_t count = 0;
  for (const std::string& line : lines_of(util::read_file(shared_path(base + ".out")))) {
    const std::size_t end = texts.find(separator);
    const std::string text = texts.substr(0, end);
    std::istringstream numbers(line);
    const std::vector<std::int32_t> ids{std::istream_iterator<std::int32_t>(numbers), {}};
    EXPECT_EQ(encoded(loaded, text, SpecialText::kAsText), ids) << text;
    texts.erase(0, end == texts.npos ? end : end + separator.size());
    ++count;
  }
  EXPECT_GT(count, 40U);
}

TEST(Golden, LlamaCppGpt2) { expect_llama("gpt2-tokenizer", "gpt-2"); }
TEST(Golden, LlamaCppQwen2) { expect_llama("qwen3-tokenizer", "qwen2"); }

}  // namespace
}  // namespace superpose::tokenizer
