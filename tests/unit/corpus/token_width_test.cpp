#include "corpus/tokens/token_width.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "corpus/corpus.h"
#include "corpus_support.h"
#include "support/temp_dir.h"

namespace superpose::corpus {
namespace {

using test::error_of;
using test::write_text;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Ids as a tokenizer gives them: small ones often.
template <class Number>
std::string ids(std::int64_t vocabulary, std::size_t count = 2000) {
  std::mt19937 random(7);
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const auto span = random() % 2 == 0 ? std::int64_t{200} : vocabulary;
    const auto id = static_cast<Number>(random() % static_cast<std::uint64_t>(span));
    bytes.append(reinterpret_cast<const char*>(&id), sizeof id);
  }
  return bytes;
}

class Width : public ::testing::Test {
 protected:
  std::string message(const std::string& bytes, TokenFormat format,
                      std::optional<std::int64_t> vocabulary) const {
    write_text(dir_ / "a.bin", bytes);
    return error_of([&] {
      check_token_width(open_token_file(dir_ / "a.bin", {.format = format}), format, vocabulary);
    });
  }
  test::TempDir dir_;
};

TEST_F(Width, OfAnotherFormatIsRefusedWithTheRightOne) {
  for (const std::optional<std::int64_t> vocabulary :
       std::vector<std::optional<std::int64_t>>{257, 50257, 65536, 151936, std::nullopt}) {
    SCOPED_TRACE(vocabulary.value_or(-1));
    const std::int64_t size = vocabulary.value_or(50257);
    const auto is = [](const std::string& name) {
      return HasSubstr("the format \"" + name + "\"");
    };
    const std::string u32 = ids<std::uint32_t>(size);
    const std::string u64 = ids<std::uint64_t>(size);
    EXPECT_THAT(message(u32, TokenFormat::kRawU16, vocabulary),
                AllOf(is("raw-u32"), HasSubstr("a.bin")));
    EXPECT_THAT(message(u64, TokenFormat::kRawU16, vocabulary), is("raw-u64"));
    EXPECT_THAT(message(u64, TokenFormat::kRawU32, vocabulary), is("raw-u64"));
    EXPECT_THAT(message(u32, TokenFormat::kRawU64, vocabulary), is("raw-u32"));
    EXPECT_EQ(message(u32, TokenFormat::kRawU32, vocabulary), "");
    EXPECT_EQ(message(u64, TokenFormat::kRawU64, vocabulary), "");
    if (size > 65536) continue;
    const std::string u16 = ids<std::uint16_t>(size);
    EXPECT_THAT(message(u16, TokenFormat::kRawU32, vocabulary), is("raw-u16"));
    EXPECT_THAT(message(u16, TokenFormat::kRawU64, vocabulary), is("raw-u16"));
    EXPECT_EQ(message(u16, TokenFormat::kRawU16, vocabulary), "");
  }
}

// What proves nothing is left to the check of every id.
TEST_F(Width, IsNotGuessed) {
  EXPECT_EQ(message(std::string(4096, '\0'), TokenFormat::kRawU16, 257), "");
  EXPECT_EQ(message("", TokenFormat::kRawU16, 257), "");
  EXPECT_EQ(message(std::string("a\0\0\0b\0\0\0", 8), TokenFormat::kRawU16, 257), "");
  EXPECT_EQ(message(ids<std::uint16_t>(50257), TokenFormat::kRawU16, 257), "");
  EXPECT_EQ(message(ids<std::uint32_t>(900'000), TokenFormat::kRawU32, std::nullopt), "");
  // An odd number of 16 bits is not a file of 32.
  EXPECT_EQ(message(ids<std::uint32_t>(50257) + "ab", TokenFormat::kRawU16, 50257), "");
}

TEST_F(Width, IsCheckedWhenACorpusIsPrepared) {
  write_text(dir_ / "train.bin", ids<std::uint32_t>(257));
  DataConfig config;
  config.sources = {(dir_ / "train.bin").string()};
  config.cache_dir = (dir_ / "cache").string();
  config.format = TokenFormat::kRawU16;
  const PrepareOptions none_held_out{.none_held_out = true};
  EXPECT_THAT(error_of([&] { prepare_corpus(config, {}, none_held_out); }),
              AllOf(HasSubstr("train.bin"), HasSubstr("\"raw-u32\"")));
  config.format = TokenFormat::kRawU32;
  EXPECT_EQ(prepare_corpus(config, {}, none_held_out).train_stats.tokens, 2000);
}

}  // namespace
}  // namespace superpose::corpus
