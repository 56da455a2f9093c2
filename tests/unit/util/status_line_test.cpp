#include "util/status_line.h"

#include <gtest/gtest.h>

#include <sstream>

namespace superpose::util {
namespace {

class StatusLineTest : public ::testing::Test {
 protected:
  StatusLineOptions options(int columns) {
    return {.columns = columns, .interval_seconds = 10, .clock = [this] { return now_; }};
  }
  // What was written since the last call.
  std::string written() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  double now_ = 100;
};

TEST_F(StatusLineTest, IsPlainWithoutATerminal) {
  {
    StatusLine line(out_, options(0));
    line.show("a longer line");
    line.print("a note");
    line.clear();
  }
  EXPECT_EQ(written(), "a longer line\na note\n");
}

TEST_F(StatusLineTest, IsDueAtOnceThenAfterTheInterval) {
  for (const bool terminal : {false, true}) {
    StatusLine line(out_, options(terminal ? 80 : 0));
    EXPECT_TRUE(line.is_due());
    line.show("text");
    const double interval = terminal ? 0.25 : 10;
    now_ += interval - 0.125;
    EXPECT_FALSE(line.is_due());
    now_ += 0.125;
    EXPECT_TRUE(line.is_due());
    line.postpone();
    EXPECT_FALSE(line.is_due());
  }
}

TEST_F(StatusLineTest, IsDrawnInPlaceOnATerminal) {
  {
    StatusLine line(out_, options(5));
    line.show("12345");
    EXPECT_EQ(written(), "\r1234\x1b[K");
    line.print("a note");
    EXPECT_EQ(written(), "\r\x1b[Ka note\n");
    line.clear();
    EXPECT_EQ(written(), "") << "there is no open line";
    line.show("1");
    line.clear();
    EXPECT_EQ(written(), "\r1\x1b[K\r\x1b[K");
    line.show("end");
    written();
  }
  EXPECT_EQ(written(), "\n");
}

}  // namespace
}  // namespace superpose::util
