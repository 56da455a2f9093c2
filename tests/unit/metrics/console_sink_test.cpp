#include "metrics/console_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "sample_records.h"

namespace superpose::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

class Console : public testing::Test {
 protected:
  // `columns`: 0 = no terminal.
  util::StatusLineOptions options(int columns) {
    return {.columns = columns, .interval_seconds = 10, .clock = [this] { return now_; }};
  }
  StepRecord step(std::int64_t number, bool bag) const {
    StepRecord before = sample_step(number - 10);
    StepRecord record = sample_step(number);
    record.is_bag_loss = bag;
    record.bag_size = record.target_size = bag ? 4 : 1;
    set_rates(record, before);
    return record;
  }
  std::size_t lines() const {
    const std::string text = out_.str();
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::ostringstream out_;
  double now_ = 100;
};

TEST_F(Console, StatusLineSaysEverything) {
  ConsoleSink sink(out_, options(0));
  sink.write(sample_header());
  sink.write(sample_validation(10, 3.25));
  sink.write(step(20, true));
  now_ += 20;  // 10 steps in 20 s, evaluation included: 970 steps take 1,940 s
  sink.write(step(30, true));
  const std::string text = out_.str();
  EXPECT_THAT(
      text,
      HasSubstr("tst seed 3 | superposed s=4 | step 30/1,000 | bag loss 2.5000 | val NTP 3.2500"));
  EXPECT_THAT(text, HasSubstr("8.19K pos/s, 32.8K raw tok/s | waiting 10.0 % | ETA 32 m 20 s"));
}

TEST_F(Console, BriefShowsTheEndAndWhatIsWrong) {
  ConsoleSink sink(out_, options(0), ConsoleDetail::kBrief);
  sink.write(sample_header());
  sink.write(step(10, true));
  sink.write(EventRecord{10, EventKind::kSwitch, "a switch"});
  sink.write(EventRecord{10, EventKind::kCheckpoint, "a checkpoint"});
  sink.write(EventRecord{10, EventKind::kResume, "a resume"});
  sink.write(sample_validation_of_two(10));
  EXPECT_EQ(out_.str(), "");
  sink.write(EventRecord{10, EventKind::kWarning, "a warning"});
  sink.write(EventRecord{10, EventKind::kError, "an error"});
  EXPECT_EQ(lines(), 1u) << "an error is the exception's to say: " << out_.str();
  now_ += 20;
  sink.write(step(20, true));
  EXPECT_EQ(lines(), 2u) << "a long run has its status line";
  sink.write(sample_summary(20));
  EXPECT_EQ(lines(), 3u);
}

TEST_F(Console, ATaskHasALineWithChanceAndNoneInBrief) {
  ConsoleSink brief(out_, options(0), ConsoleDetail::kBrief);
  brief.write(sample_header());
  brief.write(sample_task(500));
  EXPECT_EQ(out_.str(), "");
  ConsoleSink sink(out_, options(0));
  sink.write(sample_header());
  sink.write(sample_task(500));
  EXPECT_EQ(lines(), 1U);
  for (const char* part : {"piqa", "500", "200", "bits_per_byte 1.1875 (chance 8.2500)",
                           "acc 0.5625 +- 0.0312 (chance 0.5000)"}) {
    EXPECT_THAT(out_.str(), HasSubstr(part));
  }
}

TEST_F(Console, EpochsOfSourcesAreShownForAMixture) {
  ConsoleSink sink(out_, options(0));
  StepRecord record = step(20, true);
  record.source_epochs = {{"books", 0.5}, {"web", 1.234}};
  sink.write(record);
  EXPECT_THAT(out_.str(), HasSubstr(" | epochs books 0.50, web 1.23"));
}

TEST_F(Console, TheMostUnevenLoadOfExpertsIsShown) {
  ConsoleSink sink(out_, options(0));
  StepRecord record = step(20, true);
  record.scalars = {{"router/0/max_load", 4.5}, {"router/max_load", 5.125}};
  sink.write(record);
  EXPECT_THAT(out_.str(), HasSubstr(" | expert load 5.1"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("4.50")));
}

TEST_F(Console, NextTokenLossIsNamedAsSuch) {
  ConsoleSink sink(out_, options(0));
  sink.write(sample_header());
  sink.write(step(400, false));
  EXPECT_THAT(out_.str(), HasSubstr("NTP | step 400/1,000 | NTP loss 2.5000"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("bag loss")));
}

TEST_F(Console, PlainLinesComeAtTheInterval) {
  ConsoleSink sink(out_, options(0));
  sink.write(sample_header());
  for (std::int64_t number = 20; number < 120; number += 10) {
    sink.write(step(number, true));
    now_ += 2.5;  // every fourth is due
  }
  EXPECT_EQ(lines(), 3U);
  EXPECT_THAT(out_.str(), Not(HasSubstr("\r")));
}

TEST_F(Console, TerminalLineIsRewrittenInPlaceAndCutToItsWidth) {
  {
    ConsoleSink sink(out_, options(40));
    sink.write(sample_header());
    sink.write(step(20, true));
    now_ += 1;
    sink.write(step(30, true));
    EXPECT_EQ(lines(), 0U);
    EXPECT_EQ(out_.str().substr(0, 43), "\rtst seed 3 | superposed s=4 | step 20/1\x1b[K");
  }
  EXPECT_EQ(out_.str().back(), '\n');  // an open line is ended with the sink
}

TEST_F(Console, EventsGetLinesOfTheirOwn) {
  ConsoleSink sink(out_, options(160));
  sink.write(sample_header());
  sink.write(step(20, true));
  sink.write(EventRecord{300, EventKind::kSwitch, "bag size 4 -> 1"});
  sink.write(EventRecord{300, EventKind::kCheckpoint, "saved"});
  EXPECT_THAT(out_.str(), HasSubstr("\x1b[Kswitch at step 300: bag size 4 -> 1\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("saved")));
  EXPECT_EQ(lines(), 1U);
}

TEST_F(Console, SeveralValidationSetsGetALineWithTheirNames) {
  ConsoleSink sink(out_, options(160));
  sink.write(sample_header());
  sink.write(step(1000, false));
  ValidationRecord one = sample_validation(1000, 1.0625);
  one.sets = {sample_set("books", 1.0625, 1.5)};
  sink.write(one);
  EXPECT_EQ(lines(), 0U) << "one set has the status line";
  sink.write(sample_validation_of_two(1000));
  EXPECT_THAT(out_.str(),
              HasSubstr("\x1b[Kvalidation at step 1,000: books 1.2500 (perplexity 3.49, 1.750 bits "
                        "per byte); code 2.0000 (perplexity 7.39)\n"));
  EXPECT_THAT(out_.str(), HasSubstr("| val NTP 1.2500 |")) << "the primary set";
}

TEST_F(Console, EndNamesTheResult) {
  ConsoleSink sink(out_, options(0));
  sink.write(sample_header());
  sink.write(step(1000, false));
  sink.write(sample_validation(1000, 1.0625));
  sink.write(sample_summary(1000));
  EXPECT_THAT(out_.str(), HasSubstr("tst seed 3: done, 1,000 steps in 1 m 05 s, plus 5.0"));
  EXPECT_THAT(out_.str(), HasSubstr("validation NTP loss 1.0625 (perplexity 2.89)\n"));
}

}  // namespace
}  // namespace superpose::metrics
