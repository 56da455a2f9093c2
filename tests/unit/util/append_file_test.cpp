#include "util/append_file.h"

#include <gtest/gtest.h>

#include <string>

#include "support/names.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::util {
namespace {

using test::names;

void append(AppendFile& file, std::string_view text) {
  file.append(std::as_bytes(std::span(text)));
}

TEST(AppendFile, GoesOnWhereItIsTold) {
  const test::TempDir dir;
  const auto path = dir / "file";
  {
    AppendFile file(path, 0);
    append(file, "0123456789");
    file.sync();
    EXPECT_EQ(read_file(path), "0123456789");
    append(file, "never on the disk");  // as where the process is killed
    EXPECT_EQ(file.size(), 27U);
  }
  EXPECT_EQ(read_file(path), "0123456789");
  AppendFile file(path, 4);
  EXPECT_EQ(read_file(path), "0123");
  append(file, "xyz");
  file.append_number(std::uint16_t{0x4241});
  file.close();
  EXPECT_EQ(read_file(path), "0123xyzAB");
}

TEST(AppendFile, LargePiecesPassTheBuffer) {
  const test::TempDir dir;
  AppendFile file(dir / "file", 0);
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const std::string piece(static_cast<std::size_t>(i) * 9999, static_cast<char>('a' + i));
    append(file, piece);
    expected += piece;
  }
  file.close();
  EXPECT_EQ(read_file(dir / "file"), expected);
}

TEST(AppendFile, ErrorsNameTheFile) {
  const test::TempDir dir;
  write_file_atomic(dir / "short", "123");
  for (const auto& [name, size] : {std::pair("short", 4), std::pair("absent/file", 0)}) {
    try {
      AppendFile(dir / name, static_cast<std::uint64_t>(size));
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
  AppendFile full("/dev/full", 0);
  append(full, "x");
  try {
    full.sync();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(std::string(error.what()), names("/dev/full", "write", "No space left on device"));
  }
}

}  // namespace
}  // namespace superpose::util
