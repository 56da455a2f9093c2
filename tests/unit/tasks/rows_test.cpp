#include "tasks/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "support/error_of.h"
#include "support/temp_dir.h"

namespace superpose::tasks {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Rows : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::vector<std::string> found(const std::vector<std::string>& patterns) {
    std::vector<std::string> names;
    for (const fs::path& file : find_files(folder_.path(), patterns)) {
      names.push_back(file.lexically_relative(folder_.path()).string());
    }
    return names;
  }
  static std::vector<Row> read(const fs::path& file) {
    std::vector<Row> rows;
    read_rows(file, [&](const Row& row) { rows.push_back(row); });
    return rows;
  }

  test::TempDir folder_;
};

TEST_F(Rows, TheFirstPatternThatFindsFilesCounts) {
  write("piqa/data/validation-00001.parquet", "");
  write("piqa/data/validation-00000.parquet", "");
  write("piqa.jsonl", "");
  write("sciq.jsonl.zst", "");
  EXPECT_THAT(
      found({"piqa/**/validation*.parquet", "piqa.jsonl"}),
      ElementsAre("piqa/data/validation-00000.parquet", "piqa/data/validation-00001.parquet"));
  EXPECT_THAT(found({"piqa/**/test*.parquet", "piqa.jsonl"}), ElementsAre("piqa.jsonl"));
  EXPECT_THAT(found({"sciq.jsonl"}), ElementsAre("sciq.jsonl.zst"));
  EXPECT_THAT(found({"boolq.jsonl"}), IsEmpty());
  EXPECT_THAT(error_of([&] { find_files(folder_.path() / "none", {}); }), HasSubstr("none"));
}

TEST_F(Rows, AFileNextToItsCompressedCopyIsRefused) {
  write("a/capitals.jsonl", "");
  write("b/capitals.jsonl.xz", "");
  EXPECT_THAT(found({"**/capitals.jsonl"}), SizeIs(2));
  write("a/capitals.jsonl.gz", "");
  EXPECT_THAT(error_of([&] { found({"a/*.jsonl"}); }),
              AllOf(HasSubstr("a/capitals.jsonl "), HasSubstr("a/capitals.jsonl.gz")));
  EXPECT_THAT(found({"b/*.jsonl", "a/*.jsonl"}), SizeIs(1)) << "only what is read counts";
  EXPECT_THAT(found({"a/*.jsonl.gz"}), SizeIs(1));
}

TEST_F(Rows, ADeeplyNestedRowIsAnError) {
  const std::string deep(100000, '[');
  EXPECT_THAT(error_of([&] {
                read(write("deep.jsonl", "{\"a\": " + deep + std::string(deep.size(), ']') + "}"));
              }),
              HasSubstr("deep.jsonl:1: "));
}

TEST_F(Rows, JsonLinesByLine) {
  const auto rows = read(write("a.jsonl", "\xEF\xBB\xBF{\"a\": 1}\n\n  {\"a\": 2}\r\n"));
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(field_text(rows[1], "a"), "2");
  EXPECT_THAT(rows[1].where, testing::EndsWith("a.jsonl:3"));
  EXPECT_THAT(error_of([&] { read(write("b.jsonl", "{}\n[1]\n")); }), HasSubstr("b.jsonl:2: "));
  EXPECT_THAT(error_of([&] { read(write("c.jsonl", "{}\n{}\n{\"a\"")); }),
              HasSubstr("c.jsonl:3: "));
  EXPECT_THAT(error_of([&] { read(write("d.png", "\x89PNG\r\n\x1a\n????????")); }),
              HasSubstr("d.png"));
}

TEST_F(Rows, ParquetOfAnyShape) {
  const fs::path file = folder_.path() / "rows.parquet";
  const std::string script =
      "import pyarrow as pa, pyarrow.parquet as pq\n"
      "rows = [{'q': 'caf\u00e9', 'n': 3, 'x': 0.5, 'ok': True, 'none': None, 'at': 0,\n"
      "         'choices': {'text': ['a', 'b'], 'label': ['A', 'B']}, 'deep': [[1], []]},\n"
      "        {'q': '', 'n': -1, 'x': 2.0, 'ok': False, 'none': None, 'at': 1,\n"
      "         'choices': {'text': [], 'label': []}, 'deep': []}]\n"
      "table = pa.Table.from_pylist(rows)\n"
      "table = table.set_column(5, 'at', table['at'].cast(pa.timestamp('s')))\n"
      "table = table.set_column(0, 'q', table['q'].dictionary_encode())\n"
      "pq.write_table(table, '" +
      file.string() + "', row_group_size=1)\n";
  std::ofstream(folder_.path() / "make.py") << script;
  const std::string command =
      std::string(SUPERPOSE_PYTHON) + " " + (folder_.path() / "make.py").string();
  if (std::string(SUPERPOSE_PYTHON).empty() || std::system(command.c_str()) != 0) {
    GTEST_SKIP() << "skipped: pyarrow writes no Parquet here";
  }
  const auto rows = read(file);
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0].fields,
            util::parse_json(R"({"q": "café", "n": 3, "x": 0.5, "ok": true, "none": null,
              "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "deep": [[1], []]})",
                             "expected"));
  EXPECT_EQ(rows[1].fields["choices"]["text"], util::Json::array());
  EXPECT_THAT(rows[1].where, testing::EndsWith("rows.parquet: row 1"));
  fs::resize_file(file, fs::file_size(file) - 3);
  EXPECT_THAT(error_of([&] { read(file); }), HasSubstr("rows.parquet"));
}

}  // namespace
}  // namespace superpose::tasks
