#include "corpus/prepare/prepare_console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace superpose::corpus {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

// 100 MiB of files in 4; `quarter` of them done.
PrepareProgress after(std::int64_t quarter) {
  return {.sources_done = quarter,
          .num_sources = 4,
          .bytes_done = quarter * 25 * kMiB,
          .num_bytes = 100 * kMiB,
          .text_bytes = quarter * 60'000'000,
          .documents = quarter * 1000,
          .tokens = quarter * 15'000'000};
}

PrepareProgress begin_at(std::int64_t quarter) {
  PrepareProgress progress = after(quarter);
  progress.begins = true;
  return progress;
}

TEST(PrepareConsole, PrintsALineNowAndThen) {
  std::ostringstream out;
  double now = 0;
  PrepareConsole console(out, "the corpus", {.clock = [&] { return now; }});
  console.write(begin_at(0));
  EXPECT_EQ(out.str(), "preparing the corpus: 4 files, 100 MiB\n");
  out.str("");
  now = 10;  // too early
  console.write(after(1));
  EXPECT_EQ(out.str(), "");
  now = 20;
  console.write(after(2));
  EXPECT_EQ(out.str(),
            "50.0 % of 100 MiB | ETA 20.0 s | 6.0 MB/s of text | 30.0M tokens | 2.00K documents\n");
  out.str("");
  console.write({.note = "something"});
  EXPECT_EQ(out.str(), "something\n");
}

TEST(PrepareConsole, DrawsABarOnATerminal) {
  std::ostringstream out;
  double now = 0;
  {
    PrepareConsole console(out, "a set", {.columns = 50, .clock = [&] { return now; }});
    console.write(begin_at(0));
    EXPECT_EQ(out.str(), "preparing a set: 4 files, 100 MiB\n");
    out.str("");
    now = 0.1;
    console.write(after(1));
    EXPECT_EQ(out.str(), "");
    now = 5;
    console.write(after(2));
    EXPECT_THAT(out.str(), HasSubstr("\r[#####.....] 50.0 % of 100 MiB | ETA 5.0 s\x1b[K"));
    out.str("");
    now = 5.1;
    console.write(after(4));  // the last one is always drawn
    EXPECT_THAT(out.str(), HasSubstr("[##########] 100.0 %"));
    EXPECT_THAT(out.str(), Not(EndsWith("\n")));
  }
  EXPECT_THAT(out.str(), EndsWith("\n"));
}

// A source that grows is an error at its end; until then the bar is full.
TEST(PrepareConsole, MoreThanThereWasIsAll) {
  std::ostringstream out;
  double now = 0;
  PrepareConsole console(out, "the corpus", {.columns = 200, .clock = [&] { return now; }});
  console.write(begin_at(0));
  now = 5;
  console.write(after(5));
  EXPECT_THAT(out.str(), HasSubstr("\r[##########] 100.0 %"));
  EXPECT_THAT(out.str(), HasSubstr("ETA 0 ms"));
}

// Whole parts, the time left among them.
TEST(PrepareConsole, FitsIntoEightyColumns) {
  std::ostringstream out;
  double now = 0;
  PrepareConsole console(out, "the corpus", {.columns = 80, .clock = [&] { return now; }});
  PrepareProgress progress = begin_at(0);
  progress.num_bytes = std::int64_t{999} << 30;
  console.write(progress);
  now = 7 * 3600;
  progress.begins = false;
  progress.bytes_done = std::int64_t{123} << 30;
  progress.text_bytes = std::int64_t{1} << 40;
  progress.tokens = std::int64_t{1} << 38;
  console.write(progress);
  const std::string line = out.str().substr(out.str().rfind('\r') + 1);
  EXPECT_LE(line.size(), 79U + 3);  // with the escape
  EXPECT_THAT(line, HasSubstr("| ETA 2 d 02 h |"));
  EXPECT_THAT(line, EndsWith("\x1b[K"));
}

// A corpus that is put together is prepared in parts, each with its own files.
TEST(PrepareConsole, EachPartBegins) {
  std::ostringstream out;
  double now = 0;
  PrepareConsole console(out, "the corpus", {.clock = [&] { return now; }});
  console.write({.num_sources = 1, .num_bytes = kMiB, .begins = true});
  now = 30;
  console.write(begin_at(0));
  EXPECT_EQ(out.str(),
            "preparing the corpus: 1 file, 1.00 MiB\npreparing the corpus: 4 files, 100 MiB\n");
  now = 50;
  console.write(after(1));
  EXPECT_THAT(out.str(), HasSubstr("ETA 1 m 00 s | 3.0 MB/s"));
}

// What an earlier call did is not part of the rate.
TEST(PrepareConsole, RateIsThatOfThisCall) {
  std::ostringstream out;
  double now = 0;
  PrepareConsole console(out, "the corpus", {.clock = [&] { return now; }});
  console.write(begin_at(2));
  now = 60;
  console.write(after(3));
  EXPECT_THAT(out.str(), HasSubstr("75.0 % of 100 MiB | ETA 1 m 00 s | 1.0 MB/s of text"));
}

}  // namespace
}  // namespace superpose::corpus
