#include "util/hash.h"

#include <gtest/gtest.h>

#include <string>

#include "support/temp_dir.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::util {
namespace {

// Values of the reference implementation (xxHash's own tools print the same).
TEST(Hash, KnownAnswers) {
  EXPECT_EQ(hash64(""), 0x2D06800538D394C2u);
  EXPECT_EQ(hash64("abc"), 0x78AF5F94892F3950u);
}

TEST(Hash, SeedChangesTheHash) { EXPECT_NE(hash64("abc", 1), hash64("abc", 0)); }

TEST(Hash, StreamEqualsOneCallForEverySplit) {
  std::string text;
  for (int i = 0; i < 1500; ++i) text += static_cast<char>(i * 31);  // beyond XXH3's inner buffer
  for (std::size_t cut = 0; cut <= text.size(); cut += 37) {
    Hasher hasher(7);
    hasher.update(std::string_view(text).substr(0, cut));
    hasher.update(std::string_view(text).substr(cut));
    EXPECT_EQ(hasher.digest64(), hash64(text, 7)) << "cut at " << cut;
  }
}

TEST(Hash, DigestMayBeTakenOnTheWay) {
  Hasher hasher;
  hasher.update("ab");
  EXPECT_EQ(hasher.digest64(), hash64("ab"));
  hasher.update("c");
  EXPECT_EQ(hasher.digest64(), hash64("abc"));
}

TEST(Hash, NumberIsEightLittleEndianBytes) {
  Hasher hasher;
  hasher.update(std::uint64_t{0x0807060504030201});
  EXPECT_EQ(hasher.digest64(), hash64("\x01\x02\x03\x04\x05\x06\x07\x08"));
}

TEST(Hash, FileEqualsItsContent) {
  const test::TempDir folder;
  write_file_atomic(folder / "full", "abc");
  write_file_atomic(folder / "empty", "");
  EXPECT_EQ(hash_file(folder / "full"), hash64("abc"));
  EXPECT_EQ(hash_file(folder / "empty"), hash64(""));
  EXPECT_THROW(hash_file(folder / "missing"), Error);
}

TEST(Hash, HexHasSixteenDigits) {
  EXPECT_EQ(hex64(0), "0000000000000000");
  EXPECT_EQ(hex64(0xABCDEF0123456789u), "abcdef0123456789");
}

}  // namespace
}  // namespace superpose::util
