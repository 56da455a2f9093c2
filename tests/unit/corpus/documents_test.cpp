#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "corpus/readers/document_reader.h"
#include "corpus/streams/line_reader.h"
#include "reader_support.h"
#include "support/names.h"
#include "support/privileges.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

using test::error_of;
using test::names;
using test::read_documents;
using test::TempDir;
using test::write_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> text_documents(const std::string& content, const std::string& separator) {
  const TempDir dir;
  write_text(dir / "a.txt", content);
  return read_documents(dir / "a.txt", {.document_separator = separator});
}

std::vector<std::string> json_documents(const std::string& content,
                                        const ReadOptions& options = {}) {
  const TempDir dir;
  write_text(dir / "a.jsonl", content);
  return read_documents(dir / "a.jsonl", options);
}

std::string json_error(const std::string& content, const ReadOptions& options = {}) {
  return error_of([&] { json_documents(content, options); });
}

// The size of a separator that begins at `i`, with either line end for a line feed; 0 for none.
std::size_t separator_at(const std::string& text, std::size_t i, const std::string& separator) {
  const std::size_t begin = i;
  for (const char c : separator) {
    if (c == '\n' && text.compare(i, 2, "\r\n") == 0) ++i;
    if (i >= text.size() || text[i++] != c) return 0;
  }
  return i - begin;
}

// Splits by the definition, a character at a time.
std::vector<std::string> split_slowly(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size();) {
    if (const std::size_t size = separator_at(text, i, separator)) {
      parts.emplace_back();
      i += size;
    } else {
      parts.back() += text[i++];
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

TEST(TextDocuments, SeparatorSplitsAndNothingFollowsTheLastOne) {
  EXPECT_THAT(text_documents("a--b----c", "--"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(text_documents("a--b--", "--"), ElementsAre("a", "b"));
  EXPECT_THAT(text_documents("a-----b", "---"), ElementsAre("a", "--b"));
  EXPECT_THAT(text_documents("a-", "--"), ElementsAre("a-"));
  EXPECT_THAT(text_documents("", "--"), IsEmpty());
  EXPECT_THAT(text_documents("", ""), IsEmpty());
  const std::string bytes("\r\n\xff\xef\xbb\xbf");
  EXPECT_THAT(text_documents(bytes, ""), ElementsAre(bytes));
}

TEST(TextDocuments, ALineFeedOfTheSeparatorStandsForEitherLineEnd) {
  EXPECT_THAT(text_documents("a\r\n\r\nb\r\nc\r\n\r\n", "\n\n"), ElementsAre("a", "b\r\nc"));
  EXPECT_THAT(text_documents("a\r\n\nb\n\r\nc", "\n\n"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(text_documents("a\r\nb\rc\nd", "\n"), ElementsAre("a", "b\rc", "d"));
  EXPECT_THAT(text_documents("a\r\n--\r\nb", "\n--\n"), ElementsAre("a", "b"));
  EXPECT_THAT(text_documents("a--\r\nb", "--\n"), ElementsAre("a", "b"));
  // One that is asked for stays one.
  EXPECT_THAT(text_documents("a\nb\r\nc", "\r\n"), ElementsAre("a\nb", "c"));
  EXPECT_THAT(text_documents("a\r\nb", ""), ElementsAre("a\r\nb"));
}

TEST(TextDocuments, AByteOrderMarkIsNoText) {
  const std::string mark = "\xef\xbb\xbf";
  EXPECT_THAT(text_documents(mark + "a--" + mark + "b", "--"), ElementsAre("a", mark + "b"));
  EXPECT_THAT(text_documents(mark + "a", ""), ElementsAre("a"));
  EXPECT_THAT(text_documents(mark + mark, ""), ElementsAre(mark));
  EXPECT_THAT(text_documents(mark, ""), IsEmpty());
  EXPECT_THAT(text_documents(mark.substr(0, 2), "--"), ElementsAre(mark.substr(0, 2)));
}

// Documents far longer than a read buffer, separators that lie across its end, and false starts.
TEST(TextDocuments, SeparatorsMaySpanBuffers) {
  std::mt19937 random(3);
  std::string text;
  while (text.size() < 2'000'000) {
    text.append(random() % 700'000, 'x');
    for (int i = 0; i < 40; ++i) text += "<end"[random() % 4];
    text += "<<end>";
  }
  EXPECT_EQ(text_documents(text, "<end>"), split_slowly(text, "<end>"));
  std::string lines;
  while (lines.size() < 2'000'000) {
    lines.append(random() % 70'000, 'x');
    for (int i = 0; i < 9; ++i) lines += "\r\n"[random() % 2];
  }
  const auto parts = split_slowly(lines, "\n\n");
  ASSERT_GT(parts.size(), 50U);
  EXPECT_EQ(text_documents(lines, "\n\n"), parts);
  const std::string wide = "y" + std::string(300'000, 'x');
  EXPECT_THAT(text_documents(text + wide + "b" + wide + wide, wide), ElementsAre(text, "b", ""));
  EXPECT_THAT(text_documents(text, ""), ElementsAre(text));
}

TEST(JsonDocuments, FieldByDottedPath) {
  EXPECT_THAT(json_documents("{\"text\": \"a\"}\n{\"id\": 1, \"text\": \"b\"}"),
              ElementsAre("a", "b"));
  EXPECT_THAT(json_documents("{\"meta\": {\"deep\": {\"t\": \"x\"}}, \"t\": \"no\"}\n",
                             {.text_field = "meta.deep.t"}),
              ElementsAre("x"));
  EXPECT_THAT(error_of([] { json_documents("{}", {.text_field = "a..b"}); }),
              names("text_field", "a..b"));
}

TEST(JsonDocuments, BlankLinesEndingsAndByteOrderMark) {
  EXPECT_THAT(json_documents("\xef\xbb\xbf\r\n{\"text\": \"a\"}\r\n \t\n\n{\"text\":\"b\"}"),
              ElementsAre("a", "b"));
  EXPECT_THAT(json_documents(""), IsEmpty());
  EXPECT_THAT(json_documents("\n\n"), IsEmpty());
}

TEST(JsonDocuments, EscapesSurrogatesAndZeroCharacters) {
  EXPECT_THAT(json_documents(R"({"text": "\"\\\/\n\t\u00e4\ud83d\ude00\u0000."})"),
              ElementsAre(std::string("\"\\/\n\t\xc3\xa4\xf0\x9f\x98\x80\0.", 13)));
}

// What stands in fields that nobody reads must not matter, where it is JSON or Python's.
TEST(JsonDocuments, OtherFieldsMayHoldWhatNoNumberHolds) {
  for (const char* value :
       {"18446744073709551616", "-9223372036854775809", "1e309", "-1E+99999999999999999999",
        "340282366920938463463374607431768211455.5e400", "0.1e-99999", "NaN", "Infinity",
        "-Infinity", "[1e400, {\"b\": NaN}]", R"("\ud800")", R"("x\udfffy")", R"("\ud800\u0041")",
        R"("\\ud800\udc00\ud800")"}) {
    SCOPED_TRACE(value);
    const std::string record =
        R"({"a": )" + std::string(value) + R"(, "text": "1e309 NaN \\ud800"})";
    EXPECT_THAT(json_documents(record + "\n" + record),
                ElementsAre("1e309 NaN \\ud800", "1e309 NaN \\ud800"));
  }
  EXPECT_THAT(json_documents(R"({"\udc00": 1, "a": 1e999, "text": "\ud83d\ude00"})"),
              ElementsAre("\xf0\x9f\x98\x80"));
}

TEST(JsonDocuments, WhatIsNeitherJsonNorPythonsIsABadRecord) {
  for (const char* value :
       {"01", "1.", ".5", "+1", "-", "1e", "0x10", "nan", "inf", "NaNs", "-NaN", "1_000", "'a'",
        "\"\\u12\"", "undefined", "1e309 1", "\"\\q\"", "1e999 NaN"}) {
    const std::string record = "{\"a\": " + std::string(value) + ", \"text\": \"x\"}";
    EXPECT_THAT(json_error(record), names("a.jsonl:1", "valid JSON")) << value;
  }
  EXPECT_THAT(json_error("{\"a\": " + std::string(1100, '[') + std::string(1100, ']') +
                         ", \"text\": \"x\"}"),
              names(":1", "valid JSON"));
  // In the text itself.
  EXPECT_THAT(json_error(R"({"a": NaN, "text": "\ud83d"})"), names("surrogate", "half"));
  EXPECT_THAT(json_error(R"({"text": 1e309})"), names("string", "number"));
  EXPECT_THAT(json_error(R"({"text": NaN})"), names("string", "number"));
  EXPECT_THAT(json_error(R"({"a": 1e309, "text": "x", "text": "y"})"), names("once", "2"));
  EXPECT_THAT(json_error("{\"a\": 1e309, \"text\": \"\xff\"}"), HasSubstr("UTF-8"));
}

// A field that nobody reads may occur twice.
TEST(JsonDocuments, OtherFieldsMayOccurTwice) {
  EXPECT_THAT(json_documents(R"({"a": 1, "a": 2, "text": "x"})"), ElementsAre("x"));
}

TEST(JsonDocuments, BadRecordsAreErrorsWithTheirLine) {
  const std::string good = "{\"text\": \"a\"}\n";
  EXPECT_THAT(json_error(good + "\n{\"text\": \"b\""),
              AllOf(names("a.jsonl:3", "valid JSON"), Not(HasSubstr("\n"))));
  EXPECT_THAT(json_error(good + "plain"), names(":2", "valid JSON"));
  EXPECT_THAT(json_error(good + "{\"text\": \"a\"} {\"text\": \"b\"}"), names(":2", "not valid"));
  EXPECT_THAT(json_error(good + "{\"text\": \"\xff\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(json_error(good + "{\"text\": \"\\ud83d\"}"),
              names(":2", "\"text\"", "surrogate", "half"));
  EXPECT_THAT(json_error(good + "{\"tex\": 1}"), names(":2", "\"text\"", "data.text_field"));
  EXPECT_THAT(json_error(good + "{\"text\": null}"), names(":2", "\"text\"", "string", "null"));
  EXPECT_THAT(json_error(good + "{\"text\": 1.5}"), names(":2", "string", "number"));
  EXPECT_THAT(json_error(good + "[1]"), names(":2", "object", "\"text\""));
  EXPECT_THAT(json_error(good + "{\"text\": \"a\", \"text\": \"b\"}"),
              names(":2", "\"text\"", "once", "2"));
  EXPECT_THAT(json_error("{\"a\": 1}", {.text_field = "a.b"}),
              names(":1", "object", "\"b\"", "\"a.b\"", "number"));
  EXPECT_THAT(json_error(std::string("{\"text\": \"a\"}\0{", 15)), names("binary"));
  EXPECT_THAT(json_error(std::string(5000, '[')), HasSubstr(":1: "));
  EXPECT_THAT(json_error(good + std::string(5000, '[')), names(":2", "valid JSON"));
}

TEST(JsonDocuments, BadRecordsAreCountedWhereTheyAreSkipped) {
  const TempDir dir;
  write_text(dir / "a.ndjson", "{\"text\":1}\n{\"text\":\"a\"}\nx\n\n{}\n{\"text\":\"b\"}\n[]");
  const auto reader = open_documents(dir / "a.ndjson", {.on_bad_record = BadRecord::kSkip});
  std::string text;
  ASSERT_TRUE(reader->next(text));
  EXPECT_EQ(text, "a");
  ASSERT_TRUE(reader->next(text));
  EXPECT_EQ(text, "b");
  EXPECT_FALSE(reader->next(text));
  EXPECT_FALSE(reader->next(text));
  EXPECT_EQ(reader->bad_records(), 4);
  EXPECT_EQ(reader->bytes_read(), std::filesystem::file_size(dir / "a.ndjson"));
}

// Skipping each line of such a file would not help.
TEST(JsonDocuments, FilesThatAreOneJsonValueSayWhatIsExpected) {
  const TempDir dir;
  const auto message = [&](const std::string& content) {
    write_text(dir / "a.json", content);
    return error_of([&] { read_documents(dir / "a.json", {.on_bad_record = BadRecord::kSkip}); });
  };
  EXPECT_THAT(message("[{\"text\": \"a\"}]"), names("a.json:1", "JSON lines"));
  EXPECT_THAT(message("\n[\n{\"text\": \"a\"}]"), names("a.json:2", "JSON lines"));
  EXPECT_THAT(message("{\n  \"text\": \"a\"\n}\n"), names("several lines"));
  EXPECT_EQ(message("{\"text\": \"a\"}"), "");
}

TEST(LineReader, LongLinesAreRefusedByNumber) {
  const TempDir dir;
  write_text(dir / "a", "12345\n\n123456\n");
  LineReader lines(open_raw(dir / "a"), "a", 5);
  std::string line;
  EXPECT_TRUE(lines.next(line) && line == "12345");
  EXPECT_TRUE(lines.next(line) && line.empty());
  EXPECT_THAT(error_of([&] { lines.next(line); }), names("a:3", "5 bytes"));
}

TEST(Documents, WhatCannotBeOpenedIsNamed) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "folder.jsonl");
  EXPECT_THAT(error_of([&] { open_documents(dir / "absent.txt", {}); }),
              names("absent.txt", "No such file or directory"));
  EXPECT_THAT(error_of([&] { open_documents(dir / "folder.jsonl", {}); }),
              names("folder.jsonl", "folder"));
  write_text(dir / "a.txt.BR", "x");
  EXPECT_THAT(error_of([&] { open_documents(dir / "a.txt.BR", {}); }), names(".br"));
  for (const char* name : {"a.bin", "a.npy", "a.BIN"}) {
    write_text(dir / name, "x");
    EXPECT_THAT(error_of([&] { open_documents(dir / name, {}); }), names(name, "token ids"));
  }
  write_text(dir / "empty.gz", "");
  EXPECT_THAT(error_of([&] { open_documents(dir / "empty.gz", {}); }),
              names("empty.gz", "gzip", "empty"));
}

TEST(Documents, WhatMayNotBeReadIsNamed) {
  const TempDir dir;
  const std::vector<std::string> names{"a.txt",     "a.py",        "a.txt.gz",
                                       "a.txt.zst", "a.txt.xz",    "a.jsonl",
                                       "a.ndjson",  "a.jsonl.zst", "a.parquet"};
  for (const std::string& name : names) {
    write_text(dir / name, "a");
    std::filesystem::permissions(dir / name, std::filesystem::perms::none);
  }
  const test::WithoutPrivileges unprivileged(dir.path());
  if (!unprivileged.steps_down()) GTEST_SKIP() << test::kMayNotStepDown;
  for (const std::string& name : names) {
    EXPECT_THAT(error_of([&] { open_documents(dir / name, {}); }),
                test::names((dir / name).string(), "Permission denied"));
  }
}

class Compressed : public ::testing::Test {
 protected:
  // Random words, some far apart and repeated, so that every part of the decoders has work.
  void write(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    while (text_.size() < size) {
      text_ += std::to_string(random() % 5000) + (random() % 9 == 0 ? "\n--\n" : " ");
      if (random() % 99 == 0) text_ += text_.substr(random() % text_.size(), 1000);
    }
    write_text(dir_ / "a.txt", text_);
    status_ = test::run_script("write_compressed.py", dir_.path().string());
  }

  TempDir dir_;
  std::string text_;
  int status_ = -1;
};

TEST_F(Compressed, StreamsOfEveryKindHoldTheSame) {
  write(700'000, 1);
  if (status_ == test::kSkipped) GTEST_SKIP() << "skipped: zstd is not installed";
  ASSERT_EQ(status_, 0);
  const auto expected = split_slowly(text_, "\n--\n");
  ASSERT_GT(expected.size(), 1000U);
  for (const char* name : {"a.txt", "a.txt.gz", "a.txt.zst", "a.txt.xz", "a.many.txt.gz",
                           "a.many.txt.zst", "a.many.txt.xz", "a.long.txt.zst"}) {
    const auto reader = open_documents(dir_ / name, {.document_separator = "\n--\n"});
    std::vector<std::string> documents;
    std::string document;
    while (reader->next(document)) documents.push_back(document);
    EXPECT_EQ(documents, expected) << name;
    EXPECT_EQ(reader->bytes_read(), std::filesystem::file_size(dir_ / name)) << name;
  }
}

// Cut off at every byte, with a byte more, and with bits flipped: never a wrong text.
TEST_F(Compressed, DamageIsAnErrorThatNamesThePlace) {
  write(600, 2);
  if (status_ == test::kSkipped) GTEST_SKIP() << "skipped: zstd is not installed";
  ASSERT_EQ(status_, 0);
  for (const char* ending : {".gz", ".zst", ".xz"}) {
    const auto path = dir_ / ("b.txt" + std::string(ending));
    const std::string whole = util::read_file(dir_ / ("a.txt" + std::string(ending)));
    const auto message = [&](const std::string& content) {
      std::filesystem::remove(path);  // quicker than to cut a file short
      write_text(path, content);
      return error_of([&] { EXPECT_THAT(read_documents(path), ElementsAre(text_)); });
    };
    EXPECT_EQ(message(whole), "");
    for (std::size_t size = 1; size < whole.size(); ++size) {
      EXPECT_THAT(message(whole.substr(0, size)),
                  names(path.string(), "cut off", "byte " + std::to_string(size)));
    }
    EXPECT_THAT(message(whole + "0123456789abcdef"), HasSubstr(" at byte "));
    std::mt19937 random(5);
    for (int trial = 0; trial < 100; ++trial) {
      std::string damaged = whole;
      damaged[random() % damaged.size()] ^= static_cast<char>(1U << (random() % 8));
      message(damaged);
    }
  }
}

}  // namespace
}  // namespace superpose::corpus
