#include "tokenizer/bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "support/temp_dir.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using ::testing::ElementsAre;

std::string all_bytes() {
  std::string text;
  for (int byte = 0; byte < 256; ++byte) text += static_cast<char>(byte);
  return text;
}

Tokenizer bytes() { return Tokenizer::from_json(byte_tokenizer_json(), "bytes"); }

std::vector<std::int32_t> encoded(std::string_view text) {
  std::vector<std::int32_t> ids;
  bytes().encode(text, SpecialText::kAsText, ids);
  return ids;
}

TEST(Bytes, IdIsTheByte) {
  EXPECT_THAT(encoded("Aé\n"), ElementsAre(0x41, 0xC3, 0xA9, 0x0A));
  const auto ids = encoded(all_bytes());
  ASSERT_EQ(ids.size(), 256U);
  for (std::int32_t i = 0; i < 256; ++i) EXPECT_EQ(ids[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(bytes().decode(ids), all_bytes());
}

TEST(Bytes, EndOfDocumentIsShownAndNotReadFromText) {
  const std::vector<std::int32_t> ids = {'a', kEndOfDocument, 'b'};
  EXPECT_EQ(bytes().decode(ids), "a<|endoftext|>b");
  EXPECT_EQ(encoded("<|endoftext|>").size(), 13U);
}

TEST(Bytes, RefusesOtherIds) {
  EXPECT_THROW(bytes().decode(std::vector<std::int32_t>{257}), util::Error);
  EXPECT_THROW(bytes().decode(std::vector<std::int32_t>{-1}), util::Error);
}

TEST(Bytes, AlphabetHasADifferentCharacterForEveryByte) {
  const auto alphabet = byte_level_alphabet();
  EXPECT_EQ(std::set<std::string>(alphabet.begin(), alphabet.end()).size(), 256U);
  EXPECT_EQ(alphabet['A'], "A");
  EXPECT_EQ(alphabet[' '], "\u0120");
  EXPECT_EQ(alphabet['\n'], "\u010A");
  EXPECT_EQ(alphabet[0xAD], "\u0143");  // the last that does not stand for itself
  EXPECT_EQ(alphabet[0xFF], "\u00FF");
}

TEST(Bytes, PaddedVocabularyIsAMultipleOf64) {
  EXPECT_EQ(kPaddedByteVocabulary % 64, 0);
  EXPECT_GE(kPaddedByteVocabulary, kByteVocabulary);
  const auto json = util::parse_json(byte_tokenizer_json(), "tokenizer.json");
  EXPECT_EQ(json["model"]["vocab"].size(), static_cast<std::size_t>(kByteVocabulary));
}

// hugging_face_check.py loads the files with tokenizers and transformers.
TEST(Bytes, HuggingFaceReadsTheFilesAndAgrees) {
  const test::TempDir dir;
  std::ofstream(dir / "tokenizer.json") << byte_tokenizer_json();
  std::ofstream(dir / "tokenizer_config.json") << byte_tokenizer_config_json();
  const std::string configured = SUPERPOSE_PYTHON;  // empty in builds without libtorch
  const std::string python =
      configured.empty() ? SUPERPOSE_SOURCE_DIR "/.venv/bin/python" : configured;
  const int status = std::system(
      (python + " " SUPERPOSE_SOURCE_DIR "/tests/unit/tokenizer/hugging_face_check.py " +
       dir.path().string())
          .c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "skipped: tokenizers or transformers is absent";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace superpose::tokenizer
