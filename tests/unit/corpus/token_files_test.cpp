#include "corpus/tokens/token_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <random>
#include <utility>

#include "corpus/shards/token_shards.h"
#include "corpus/tokens/document_scan.h"
#include "reader_support.h"
#include "support/names.h"
#include "support/privileges.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

using test::error_of;
using test::names;
using test::TempDir;
using test::write_text;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kVocabulary = 100;

TokenShards open(const std::filesystem::path& path, const TokenFileOptions& options = {}) {
  std::vector<TokenFile> files;
  files.push_back(open_token_file(path, options));
  return {std::move(files), kVocabulary};
}

std::vector<std::int32_t> tokens_of(const TokenShards& shards) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(shards.num_tokens()));
  shards.read(0, tokens);
  return tokens;
}

template <class Number>
std::string bytes_of(const std::vector<Number>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

// Files written by write_token_files.py.
class Layouts : public ::testing::Test {
 protected:
  void SetUp() override {
    const int status = test::run_script("write_token_files.py", dir_.path().string());
    if (status == test::kSkipped) GTEST_SKIP() << "skipped: NumPy is not installed";
    ASSERT_EQ(status, 0);
  }

  void expect_documents(const std::string& name, const TokenFileOptions& options = {}) {
    SCOPED_TRACE(name);
    const TokenShards shards = open(dir_ / name, options);
    EXPECT_THAT(tokens_of(shards), ElementsAre(5, 6, 9, 1, 9, 2, 3, 4, 9));
    EXPECT_THAT(shards.document_ends(), ElementsAre(3, 5, 9));
  }

  std::string message(const std::string& name, const TokenFileOptions& options = {}) {
    return error_of([&] { open(dir_ / name, options); });
  }

  TempDir dir_;
};

TEST_F(Layouts, LlmC) {
  for (const char* name : {"gpt2.bin", "llama3.bin"}) {
    const TokenShards shards = open(dir_ / name, {.end_of_document = 9});
    EXPECT_THAT(tokens_of(shards), ElementsAre(9, 5, 6, 9, 1, 9, 2, 3, 4));
    EXPECT_THAT(shards.document_ends(), ElementsAre(3, 5, 9));
    EXPECT_THAT(open(dir_ / name).document_ends(), ElementsAre(9));
    EXPECT_EQ(open(dir_ / name, {.format = TokenFormat::kLlmC}).num_tokens(), 9);
  }
}

TEST_F(Layouts, PlainNumbers) {
  const std::vector<std::pair<TokenFormat, std::string>> formats{
      {TokenFormat::kRawU8, "raw-u8.bin"},
      {TokenFormat::kRawU16, "raw-u16.bin"},
      {TokenFormat::kRawU32, "raw-u32.bin"},
      {TokenFormat::kRawU64, "raw-u64.bin"}};
  for (const auto& [format, name] : formats) {
    expect_documents(name, {.format = format, .end_of_document = 9});
    EXPECT_THAT(message(name), names(name, "format", "data.format = \"raw-u16\""));
  }
  EXPECT_THAT(message("raw-u8.bin", {.format = TokenFormat::kRawU16}),
              names("raw-u8.bin", "2 bytes", "9 bytes"));
  EXPECT_THAT(message("raw-u8.bin", {.format = TokenFormat::kRawU8, .end_of_document = 256}),
              names("end-of-document", "8 bits", "256"));
  EXPECT_THAT(message("raw-u16.bin", {.format = TokenFormat::kRawU16, .end_of_document = -1}),
              EndsWith("got -1"));
  write_text(dir_ / "empty", "");
  const TokenShards empty =
      open(dir_ / "empty", {.format = TokenFormat::kRawU16, .end_of_document = 9});
  EXPECT_EQ(empty.num_tokens(), 0);
  EXPECT_THAT(empty.document_ends(), IsEmpty());
}

TEST_F(Layouts, HeadersAreNotReadAsTokens) {
  const TokenFileOptions raw{.format = TokenFormat::kRawU16};
  EXPECT_THAT(message("gpt2.bin", raw), names("data.format", "\"llm.c\""));
  EXPECT_THAT(message("uint16.npy", raw), names("data.format", "\"npy\""));
  EXPECT_THAT(message("raw-u16.bin", {.format = TokenFormat::kLlmC}), names("header", "llm.c"));
  EXPECT_THAT(message("raw-u16.bin", {.format = TokenFormat::kNumpy}), names("header", "NumPy"));
}

TEST_F(Layouts, Numpy) {
  for (const char* name :
       {"uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "version2"}) {
    expect_documents(std::string(name) + ".npy", {.end_of_document = 9});
  }
  EXPECT_EQ(open(dir_ / "none.npy").num_tokens(), 0);
  EXPECT_THAT(message("float.npy"), names("<u2", "<f4"));
  EXPECT_THAT(message("big_endian.npy"), EndsWith("got >u2"));
  EXPECT_THAT(message("matrix.npy"), names("one dimension", "(3, 3)"));
}

TEST_F(Layouts, Megatron) {
  for (const char* name : {"megatron-1", "megatron-2", "megatron-3", "megatron-4", "megatron-5",
                           "megatron-8", "sequences", "shuffled", "empty_documents"}) {
    expect_documents(std::string(name) + ".bin");
    expect_documents(std::string(name) + ".idx");
    expect_documents(name);
    expect_documents(name, {.format = TokenFormat::kMegatron});
  }
  EXPECT_EQ(open(dir_ / "nothing").num_tokens(), 0);
  EXPECT_THAT(open(dir_ / "nothing").document_ends(), IsEmpty());
}

TEST_F(Layouts, EveryRangeOfAllFilesInARowReads) {
  std::vector<TokenFile> files;
  for (const char* name : {"shuffled.bin", "nothing.bin", "gpt2.bin", "int64.npy"}) {
    files.push_back(open_token_file(dir_ / name, {.end_of_document = 9}));
  }
  const TokenShards shards(std::move(files), kVocabulary);
  const std::vector<std::int32_t> all{5, 6, 9, 1, 9, 2, 3, 4, 9, 9, 5, 6, 9, 1,
                                      9, 2, 3, 4, 5, 6, 9, 1, 9, 2, 3, 4, 9};
  ASSERT_EQ(shards.num_tokens(), std::ssize(all));
  EXPECT_THAT(shards.document_ends(), ElementsAre(3, 5, 9, 12, 14, 18, 21, 23, 27));
  for (std::size_t begin = 0; begin < all.size(); ++begin) {
    for (std::size_t end = begin; end <= all.size(); ++end) {
      std::vector<std::int32_t> out(end - begin);
      shards.read(static_cast<std::int64_t>(begin), out);
      EXPECT_TRUE(std::equal(out.begin(), out.end(), all.begin() + static_cast<long>(begin)));
    }
  }
}

// Cut at every byte, and with every bit of the first bytes flipped: an error that names the file,
// or tokens that read.
TEST_F(Layouts, DamageIsAnErrorOrAReading) {
  const auto try_all = [&](const std::string& name, const std::string& damaged,
                           const TokenFileOptions& options) {
    const std::string whole = util::read_file(dir_ / damaged);
    const auto attempt = [&](const std::string& content) {
      std::filesystem::remove(dir_ / damaged);  // quicker than to cut a file short
      write_text(dir_ / damaged, content);
      const std::string error = error_of([&] {
        const TokenShards shards = open(dir_ / name, options);
        EXPECT_EQ(shards.document_ends().empty(), shards.num_tokens() == 0);
        tokens_of(shards);
      });
      const std::string stem = name.substr(0, name.find('.'));
      EXPECT_TRUE(error.empty() || error.find(stem) != error.npos) << error;
      return error;
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_NE(attempt(whole.substr(0, size)), "") << name << " of " << size;
    }
    for (std::size_t bit = 0; bit < 8 * std::min<std::size_t>(whole.size(), 150); ++bit) {
      std::string changed = whole;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      attempt(changed);
    }
    write_text(dir_ / damaged, whole);
  };
  for (const char* name : {"gpt2.bin", "uint16.npy", "version2.npy"}) {
    try_all(name, name, {.end_of_document = 9});
  }
  try_all("shuffled.bin", "shuffled.idx", {.format = TokenFormat::kMegatron});
  try_all("megatron-4.bin", "megatron-4.bin", {});
}

TEST_F(Layouts, MegatronSequencesMayNotOverlapNorLeaveHoles) {
  const std::string idx = util::read_file(dir_ / "sequences.idx");
  constexpr std::size_t kPointers = 34 + 7 * 4;
  const auto message_with = [&](std::size_t sequence, std::int64_t pointer) {
    std::string changed = idx;
    std::memcpy(changed.data() + kPointers + 8 * sequence, &pointer, sizeof pointer);
    write_text(dir_ / "sequences.idx", changed);
    return message("sequences");
  };
  EXPECT_THAT(message_with(1, 0), names("sequence 1", "byte 4"));
  EXPECT_THAT(message_with(0, 40), names("sequences.idx", "sequence 1"));
  EXPECT_THAT(message_with(6, std::int64_t{1} << 62), HasSubstr("sequence 6"));
  EXPECT_THAT(message_with(6, -4), HasSubstr("at byte -4"));
}

TEST_F(Layouts, LlmCHeaderIsChecked) {
  const std::string whole = util::read_file(dir_ / "gpt2.bin");
  const auto message_with = [&](std::size_t index, std::int32_t value) {
    std::string changed = whole;
    std::memcpy(changed.data() + 4 * index, &value, sizeof value);
    write_text(dir_ / "gpt2.bin", changed);
    return message("gpt2.bin");
  };
  EXPECT_THAT(message_with(0, 20240522), names("multiple-choice"));
  EXPECT_THAT(message_with(1, 2), names("version", "1", "20240520", "2"));
  EXPECT_THAT(message_with(2, 10), names("10 tokens", "2 bytes", "18 bytes"));
  EXPECT_THAT(message_with(2, -1), names("-1 tokens"));
}

TEST(TokenFiles, IdsOutsideTheVocabularyAreNamedWithTheirPlace) {
  const TempDir dir;
  const auto message = [&](const std::string& bytes, TokenFormat format) {
    write_text(dir / "a.bin", bytes);
    return error_of([&] { tokens_of(open(dir / "a.bin", {.format = format})); });
  };
  using U32 = std::vector<std::uint32_t>;
  using U64 = std::vector<std::uint64_t>;
  EXPECT_THAT(message(bytes_of(U32{99, 100}), TokenFormat::kRawU32),
              names("a.bin", "100", "token 1"));
  EXPECT_THAT(message(bytes_of(U32{1, 2, 0xffffffffU}), TokenFormat::kRawU32),
              names("4294967295", "token 2"));
  EXPECT_THAT(message(bytes_of(U64{1, (1ULL << 32) + 5}), TokenFormat::kRawU64),
              names("4294967301", "token 1"));
  EXPECT_THAT(message(bytes_of(U64{1ULL << 63}), TokenFormat::kRawU64), HasSubstr("at token 0"));
}

TEST_F(Layouts, NegativeIdsAreNamedWithTheirPlace) {
  for (const auto& [name, width] : std::vector<std::pair<std::string, std::size_t>>{
           {"megatron-2", 1}, {"megatron-3", 2}, {"megatron-4", 4}, {"megatron-5", 8}}) {
    std::string bin = util::read_file(dir_ / (name + ".bin"));
    std::fill_n(bin.begin() + static_cast<long>(3 * width), width, '\xff');
    write_text(dir_ / (name + ".bin"), bin);
    EXPECT_THAT(error_of([&] { tokens_of(open(dir_ / name)); }),
                names(name + ".bin", "100", "-1", "token 3"));
  }
}

// A file with holes: as large as asked, with few bytes on disk.
void write_sparse(const std::filesystem::path& path, std::int64_t size,
                  const std::vector<std::pair<std::int64_t, std::string>>& parts) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ASSERT_GE(file, 0);
  bool ok = ::ftruncate(file, size) == 0;
  for (const auto& [offset, bytes] : parts) {
    ok = ok && ::pwrite(file, bytes.data(), bytes.size(), offset) == std::ssize(bytes);
  }
  ::close(file);
  ASSERT_TRUE(ok);
}

constexpr std::int64_t kLarge = (std::int64_t{1} << 31) + 1000;  // tokens

template <class Number>
std::string marked() {
  return bytes_of(std::vector<Number>{7, 9, 8});
}

void expect_large(const TokenShards& shards, std::int64_t marker) {
  ASSERT_EQ(shards.num_tokens(), kLarge);
  std::vector<std::int32_t> out(4);
  shards.read(marker - 1, out);
  EXPECT_THAT(out, ElementsAre(7, 9, 8, 0));
}

TEST(LargeTokenFiles, PlainNumbersAndNumpy) {
  const TempDir dir;
  const std::int64_t marker = kLarge - 100;
  write_sparse(dir / "u8", kLarge, {{marker - 1, marked<std::uint8_t>()}});
  const TokenShards scanned =
      open(dir / "u8", {.format = TokenFormat::kRawU8, .end_of_document = 9});
  expect_large(scanned, marker);
  EXPECT_THAT(scanned.document_ends(), ElementsAre(marker + 1, kLarge));
  EXPECT_EQ(scanned.document_of(marker), 0);
  EXPECT_EQ(scanned.document_of(marker + 1), 1);

  write_sparse(dir / "u16", kLarge * 2, {{(marker - 1) * 2, marked<std::uint16_t>()}});
  expect_large(open(dir / "u16", {.format = TokenFormat::kRawU16}), marker);
  write_sparse(dir / "u32", kLarge * 4, {{(marker - 1) * 4, marked<std::uint32_t>()}});
  expect_large(open(dir / "u32", {.format = TokenFormat::kRawU32}), marker);
  write_sparse(dir / "u64", kLarge * 8, {{(marker - 1) * 8, marked<std::uint64_t>()}});
  expect_large(open(dir / "u64", {.format = TokenFormat::kRawU64}), marker);

  std::string header = "{'descr': '<u2', 'fortran_order': False, 'shape': (2147484648,), }";
  header = "\x93NUMPY\x01" + std::string("\0\x76\0", 3) + header;
  header.resize(128, ' ');
  write_sparse(dir / "npy", 128 + kLarge * 2,
               {{0, header}, {128 + (marker - 1) * 2, marked<std::uint16_t>()}});
  expect_large(open(dir / "npy"), marker);
}

// The count in the header has 32 bits: what it cannot say is refused, wrapped or not.
TEST(LargeTokenFiles, LlmCBeyondItsCountIsRefused) {
  const TempDir dir;
  std::vector<std::int32_t> header(256);
  header[0] = 20240520;
  header[1] = 1;
  header[2] = static_cast<std::int32_t>(kLarge);
  write_sparse(dir / "a.bin", 1024 + kLarge * 2, {{0, bytes_of(header)}});
  EXPECT_THAT(error_of([&] { open(dir / "a.bin"); }), names("2147484648", "32-bit"));
  header[2] = 1 << 30;
  write_sparse(dir / "a.bin", 1024 + (std::int64_t{1} << 31), {{0, bytes_of(header)}});
  EXPECT_EQ(open(dir / "a.bin").num_tokens(), 1 << 30);
}

// Two documents: one of several sequences beyond 2^31 tokens, and one behind it.
TEST(LargeTokenFiles, MegatronDocumentsBeyond31Bits) {
  const TempDir dir;
  const std::int64_t marker = kLarge - 100;
  const std::int64_t half = 1 << 30;
  for (const auto& [code, width] : std::vector<std::pair<char, std::int64_t>>{{8, 2}, {4, 4}}) {
    const std::vector<std::int32_t> lengths{1 << 30, 1 << 30, 901, 99};
    const std::vector<std::int64_t> pointers{0, half * width, 2 * half * width,
                                             (kLarge - 99) * width};
    std::string idx("MMIDIDX\0\0\1\0\0\0\0\0\0\0", 17);
    idx += code;
    idx += bytes_of(std::vector<std::uint64_t>{4, 3}) + bytes_of(lengths) + bytes_of(pointers) +
           bytes_of(std::vector<std::int64_t>{0, 3, 4});
    write_text(dir / "a.idx", idx);
    write_sparse(
        dir / "a.bin", kLarge * width,
        {{(marker - 1) * width, width == 2 ? marked<std::uint16_t>() : marked<std::uint32_t>()}});
    const TokenShards shards = open(dir / "a.bin");
    expect_large(shards, marker);
    EXPECT_THAT(shards.document_ends(), ElementsAre(kLarge - 99, kLarge));
    EXPECT_EQ(shards.document_of(kLarge - 100), 0);
    EXPECT_EQ(shards.document_of(kLarge - 99), 1);
  }
}

// Many parts on all cores against a plain loop.
TEST(DocumentScan, FindsEveryEnd) {
  const TempDir dir;
  std::mt19937 random(11);
  std::vector<std::uint16_t> tokens((std::size_t{1} << 24) * 2 + 12345);
  std::vector<std::int64_t> behind;
  std::vector<std::int64_t> before;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const bool is_marker = random() % 3000 == 0 || i % (std::size_t{1} << 24) < 2;
    tokens[i] = is_marker ? 9 : 8;
    if (!is_marker) continue;
    behind.push_back(static_cast<std::int64_t>(i) + 1);
    if (i > 0) before.push_back(static_cast<std::int64_t>(i));
  }
  for (auto* ends : {&behind, &before}) {
    if (ends->back() != std::ssize(tokens)) ends->push_back(std::ssize(tokens));
  }
  write_text(dir / "a", bytes_of(tokens));
  TokenFile file =
      open_token_file(dir / "a", {.format = TokenFormat::kRawU16, .end_of_document = 9});
  EXPECT_TRUE(find_document_ends(file) == behind);
  file.document_ends = DocumentEnds::kBeforeMarker;
  EXPECT_TRUE(find_document_ends(file) == before);
}

TEST(TokenFiles, WhatCannotBeOpenedIsNamed) {
  const TempDir dir;
  EXPECT_THAT(error_of([&] { open(dir / "absent.bin"); }), HasSubstr("absent.bin: cannot open"));
  EXPECT_THAT(error_of([&] { open(dir.path()); }), names(dir.path().string(), "folder"));
  for (const char* name : {"a.bin.gz", "a.npy.zst"}) {
    write_text(dir / name, "xxxx");
    EXPECT_THAT(error_of([&] { open(dir / name); }), names(name, "in place"));
  }
  write_text(dir / "plain.bin", "xxxx");
  EXPECT_THAT(error_of([&] { open(dir / "plain.bin"); }),
              HasSubstr("set data.format = \"raw-u16\", or raw-u8"));
  write_text(dir / "a.idx", "x");
  EXPECT_THAT(error_of([&] { open(dir / "a.bin"); }), names("a.idx", "cut off", "magic"));
}

TEST(TokenFiles, WhatMayNotBeReadIsNamed) {
  const TempDir dir;
  test::write_shards(dir.path(), test::numbered_documents({3}));
  std::filesystem::copy(dir / "train-00000.bin", dir / "b.bin");
  std::filesystem::copy(dir / "train-00000.idx", dir / "b.idx");
  const std::map<std::string, TokenFormat> formats{
      {"train-00000.bin", TokenFormat::kAuto},  // Megatron, by the index
      {"b.idx", TokenFormat::kMegatron},
      {"c.bin", TokenFormat::kAuto},
      {"llm.bin", TokenFormat::kLlmC},
      {"d.npy", TokenFormat::kAuto},
      {"e.npy", TokenFormat::kNumpy},
      {"u8", TokenFormat::kRawU8},
      {"u16", TokenFormat::kRawU16},
      {"u32", TokenFormat::kRawU32},
      {"u64", TokenFormat::kRawU64}};
  for (const auto& [name, format] : formats) {
    if (!std::filesystem::exists(dir / name)) write_text(dir / name, "a");
    std::filesystem::permissions(dir / name, std::filesystem::perms::none);
  }
  const test::WithoutPrivileges unprivileged(dir.path());
  if (!unprivileged.steps_down()) GTEST_SKIP() << test::kMayNotStepDown;
  for (const auto& [name, format] : formats) {
    EXPECT_THAT(error_of([&] { open(dir / name, {.format = format}); }),
                names((dir / name).string(), "Permission denied"));
  }
}

}  // namespace
}  // namespace superpose::corpus
