#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <string>

#include "metrics/json.h"
#include "metrics/json_lines_sink.h"
#include "metrics/reader.h"
#include "sample_records.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::metrics {
namespace {

using test::error_of;
using test::names;
using testing::HasSubstr;

Record round_trip(const Record& record) {
  return from_json(util::parse_json(to_json(record).dump(), "test"), "test:1");
}

TEST(Json, HeaderKeepsEveryField) {
  RunHeader header = sample_header();
  header.budget = 0.4;
  header.model = "d 96";
  header.parameters = 470'000;
  header.positions_per_step = 4096;
  header.sequence_length = 256;
  header.threads = 2;
  header.ranks = 3;
  header.device = "cpu";
  header.precision = "bf16";
  header.cpu = "a \"CPU\"\n";
  header.command = "superpose train x.toml";
  header.started_at = "2026-05-19T08:30:00Z";
  const auto back = std::get<RunHeader>(round_trip(header));
  EXPECT_EQ(to_json(back), to_json(header));
  EXPECT_EQ(back.train_tokens, 1'000'000'000'000);
  EXPECT_EQ(back.phases.at(0).bag_size, 4);
  EXPECT_EQ(back.settings.at(0), (util::Setting{"train.threads", "2", true}));
  EXPECT_EQ(back.versions.at(0).second, "0.1.0");
  EXPECT_EQ(back.fingerprints.validation, "v");
}

TEST(Json, NumbersComeBackToTheBit) {
  ValidationRecord record = sample_validation(7, 1.0 / 3);
  record.loss_half_b = 0.1 + 0.2;
  const auto back = std::get<ValidationRecord>(round_trip(record));
  EXPECT_EQ(back.loss, 1.0 / 3);
  EXPECT_EQ(back.loss_half_b, 0.1 + 0.2);
  EXPECT_FALSE(back.loss_half_a.has_value());
  EXPECT_FALSE(back.bits_per_byte.has_value());
}

TEST(Json, EpochsOfSourcesAreThereForAMixtureAlone) {
  StepRecord step = sample_step(3);
  EXPECT_FALSE(to_json(step).contains("source_epochs"));
  step.source_epochs = {{"web", 0.25}, {"books", 1.0 / 3}};
  EXPECT_EQ(to_json(step)["source_epochs"].dump(), R"({"web":0.25,"books":0.3333333333333333})");
  EXPECT_EQ(std::get<StepRecord>(round_trip(step)).source_epochs, step.source_epochs);
  SummaryRecord summary = sample_summary(3);
  EXPECT_FALSE(to_json(summary).contains("source_epochs"));
  summary.source_epochs = step.source_epochs;
  EXPECT_EQ(std::get<SummaryRecord>(round_trip(summary)).source_epochs, step.source_epochs);
}

TEST(Json, TimesComeBackAndOldRecordsLackThem) {
  const std::string time = "2026-05-19T08:30:00Z";
  StepRecord step = sample_step(3);
  ValidationRecord validation = sample_validation(3, 1.5);
  step.time = validation.time = time;
  step.elapsed_seconds = validation.elapsed_seconds = 12.5;
  EXPECT_EQ(std::get<StepRecord>(round_trip(step)).time, time);
  EXPECT_EQ(std::get<StepRecord>(round_trip(step)).elapsed_seconds, 12.5);
  EXPECT_EQ(std::get<ValidationRecord>(round_trip(validation)).time, time);
  EXPECT_EQ(std::get<ValidationRecord>(round_trip(validation)).elapsed_seconds, 12.5);
  EXPECT_EQ(std::get<EventRecord>(round_trip(EventRecord{1, EventKind::kSwitch, "x", time})).time,
            time);
  const Record old =
      from_json(util::parse_json(R"({"kind":"step","step":3,"seconds":2})", "test"), "test:1");
  EXPECT_EQ(std::get<StepRecord>(old).time, "");
  EXPECT_EQ(std::get<StepRecord>(old).elapsed_seconds, 0);
}

TEST(Json, ValidationSetsKeepOrderAndMissingFields) {
  const auto back = std::get<ValidationRecord>(round_trip(sample_validation_of_two(7)));
  ASSERT_EQ(back.sets.size(), 2U);
  EXPECT_EQ(back.sets[0].name, "books");
  EXPECT_EQ(back.sets[0].bits_per_byte, 1.75);
  EXPECT_EQ(back.sets[1].name, "code");
  EXPECT_FALSE(back.sets[1].bits_per_byte.has_value());
  ASSERT_TRUE(back.scored && back.sets[0].scored);
  EXPECT_EQ(back.scored->tokens, 4096);
  EXPECT_EQ(back.sets[0].scored->documents, 63);
  EXPECT_FALSE(back.sets[1].scored.has_value());
  EXPECT_DOUBLE_EQ(back.sets[1].perplexity, std::exp(2.0));
  EXPECT_THAT(
      error_of([] {
        const auto text =
            R"({"kind":"validation","step":1,"positions":1,"raw_tokens":1,"seconds":1,"loss":1,
                        "sets":[{"name":"books"}]})";
        from_json(util::parse_json(text, "test"), "m.jsonl:7");
      }),
      names("m.jsonl:7", "validation", "sets[0]", "missing", "'loss'"));
}

TEST(Json, TasksAndSamplesKeepEveryField) {
  const TaskRecord task = sample_task(500);
  const auto back = std::get<TaskRecord>(round_trip(task));
  EXPECT_EQ(to_json(back), to_json(task));
  EXPECT_EQ(to_json(task).at("scores").at("acc"), 0.5625);
  EXPECT_EQ(*find_number(back.chance, "bits_per_byte"), 8.25);
  EXPECT_EQ(find_number(back.errors, "bits_per_byte"), nullptr);
  ValidationRecord validation = sample_validation(7, 1.5);
  EXPECT_FALSE(to_json(validation).contains("samples"));
  validation.samples = {{"a <b>\n", "c\xEF\xBF\xBD", "length", 3}};
  const auto again = std::get<ValidationRecord>(round_trip(validation));
  EXPECT_EQ(to_json(again).at("samples"), to_json(validation).at("samples"));
  EXPECT_EQ(again.samples.at(0).text, "c\xEF\xBF\xBD");
}

TEST(Json, EventKindsHaveNames) {
  for (const EventKind kind : {EventKind::kResume, EventKind::kCheckpoint, EventKind::kSwitch,
                               EventKind::kWarning, EventKind::kError}) {
    EXPECT_EQ(std::get<EventRecord>(round_trip(EventRecord{1, kind, "x"})).kind, kind);
  }
}

TEST(Json, MissingAndWrongFieldsAreNamed) {
  const auto read = [](const std::string& text) {
    return error_of([&] { from_json(util::parse_json(text, "test"), "runs/m.jsonl:7"); });
  };
  EXPECT_THAT(read(R"({"kind":"validation","step":1,"positions":1,"raw_tokens":1,"seconds":1})"),
              names("runs/m.jsonl:7", "validation", "missing", "'loss'"));
  EXPECT_THAT(
      read(R"({"kind":"validation","step":1.5,"positions":1,"raw_tokens":1,"seconds":1,"loss":1})"),
      names("'step'", "whole number", "1.5"));
  EXPECT_THAT(read(R"({"kind":"step","step":1,"loss":"low"})"), names("'loss'", "number"));
  EXPECT_THAT(read(R"({"kind":"walk","step":1})"), HasSubstr("got \"walk\""));
  EXPECT_THAT(read(R"({"step":1})"), names("missing", "'kind'"));
  EXPECT_THAT(read(R"([1])"), names("JSON object"));
  EXPECT_THAT(read(R"({"kind":"header","seed":1})"), names("missing", "'schema'"));
  EXPECT_THAT(read(R"({"kind":"header","schema":2,"seed":1})"), names("schema", "at most 1"));
  EXPECT_THAT(
      read(
          R"({"kind":"header","schema":1,"seed":1,"flops_per_position":1,"phases":[{"first_step":0}]})"),
      names("phases[0]", "missing", "'num_steps'"));
  EXPECT_THAT(read(R"({"kind":"header","schema":1,"seed":1,"flops_per_position":1,"phases":[],
                       "fingerprints":{"recipe":"r","data":"d"}})"),
              names("fingerprints", "missing", "'validation'"));
}

TEST(Json, WholeNumbersMayBeWrittenAsFloats) {
  const Record record =
      from_json(util::parse_json(R"({"kind":"step","step":4096.0})", "test"), "test:1");
  EXPECT_EQ(std::get<StepRecord>(record).step, 4096);
}

TEST(Records, RatesComeFromTheDifference) {
  StepRecord before = sample_step(10);
  StepRecord now = sample_step(20);
  set_rates(now, before);
  EXPECT_DOUBLE_EQ(now.positions_per_second, 4096 / 0.5);
  EXPECT_DOUBLE_EQ(now.raw_tokens_per_second, 4 * 4096 / 0.5);
  EXPECT_DOUBLE_EQ(now.wait_share, 0.1);
  set_rates(before, before);
  EXPECT_EQ(before.positions_per_second, 0);
}

class JsonLines : public testing::Test {
 protected:
  std::filesystem::path file() const { return folder_ / "metrics.jsonl"; }

  void write_run(std::int64_t last_step) const {
    JsonLinesSink sink(file(), -1);
    sink.write(sample_header());
    for (std::int64_t step = 1; step <= last_step; ++step) {
      sink.write(sample_step(step));
      sink.write(sample_validation(step, 2));
    }
    sink.write(sample_summary(last_step));
  }

  test::TempDir folder_;
};

TEST_F(JsonLines, EachRecordIsOnDiskWhenWriteReturns) {
  JsonLinesSink sink(file(), 0);
  sink.write(sample_header());
  sink.write(sample_step(1));
  const RunRecords run = read_json_lines(file());
  EXPECT_EQ(run.header.arm, "tst");
  EXPECT_EQ(run.steps.size(), 1U);
}

TEST_F(JsonLines, ResumeDropsWhatLiesBeyondTheCheckpointAndTheSummary) {
  write_run(5);
  JsonLinesSink sink(file(), 3);
  sink.write(sample_step(4));
  const RunRecords run = read_json_lines(file());
  ASSERT_EQ(run.steps.size(), 4U);
  EXPECT_EQ(run.steps.back().step, 4);
  EXPECT_EQ(run.validations.size(), 3U);
  EXPECT_FALSE(run.summary.has_value());
}

TEST_F(JsonLines, ResumeLeavesAFileAloneThatHoldsNothingToDrop) {
  write_run(2);
  std::string text = util::read_file(file());
  text.erase(text.rfind("{\"kind\":\"summary\""));
  std::ofstream(file(), std::ios::binary) << text;
  { const JsonLinesSink sink(file(), 2); }
  EXPECT_EQ(util::read_file(file()), text);
}

TEST_F(JsonLines, HalfWrittenLastLineIsDropped) {
  write_run(3);
  const std::string text = util::read_file(file());
  std::ofstream(file(), std::ios::binary) << text << R"({"kind":"step","ste)";
  EXPECT_EQ(read_json_lines(file()).steps.size(), 3U);  // a reader of a running run
  JsonLinesSink sink(file(), 3);
  sink.write(sample_step(4));
  EXPECT_EQ(read_json_lines(file()).steps.size(), 4U);
}

TEST_F(JsonLines, NewRunReplacesAnOldFile) {
  write_run(3);
  const JsonLinesSink sink(file(), -1);
  EXPECT_EQ(util::read_file(file()), "");
}

TEST_F(JsonLines, BadLineInTheMiddleIsNamed) {
  write_run(2);
  const std::string text = util::read_file(file());
  std::ofstream(file(), std::ios::binary) << "{broken\n" << text;
  EXPECT_THAT(error_of([&] { JsonLinesSink(file(), 1); }), HasSubstr("metrics.jsonl:1"));
  EXPECT_THAT(error_of([&] { read_json_lines(file()); }), HasSubstr("metrics.jsonl:1"));
}

TEST_F(JsonLines, UnwritablePlaceIsAnError) {
  EXPECT_THAT(error_of([&] { JsonLinesSink(folder_ / "absent" / "metrics.jsonl", -1); }),
              names((folder_ / "absent" / "metrics.jsonl").string(), "opened"));
}

// A limit on the size of files refuses the write as a full disk does.
TEST_F(JsonLines, FullDiskIsAnError) {
  JsonLinesSink sink(file(), -1);
  sink.write(sample_header());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{std::filesystem::file_size(file()), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string message = error_of([&] { sink.write(sample_step(1)); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, names("metrics.jsonl", "written"));
}

TEST_F(JsonLines, TextThatIsNoUtf8DoesNotStopARun) {
  JsonLinesSink sink(file(), -1);
  RunHeader header = sample_header();
  header.cpu = "\xff\xfe";
  sink.write(header);
  EXPECT_EQ(read_json_lines(file()).header.cpu, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace superpose::metrics
