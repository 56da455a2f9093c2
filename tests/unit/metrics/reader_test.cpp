#include "metrics/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <string>

#include "metrics/json.h"
#include "sample_records.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"

namespace superpose::metrics {
namespace {

using test::names;
using testing::HasSubstr;

constexpr const char* kColumns =
    "seed,flops_per_position,recipe_fingerprint,data_fingerprint,validation_fingerprint,switch_"
    "step,bag_size,"
    "step,positions,raw_tokens,seconds,loss,loss_half_a,loss_half_b";

class Reader : public testing::Test {
 protected:
  std::filesystem::path put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  std::string error_of(const std::filesystem::path& path) const {
    return test::error_of([&] { read_run(path); });
  }
  static std::string line(const Record& record) { return to_json(record).dump() + "\n"; }

  test::TempDir folder_;
};

// As Excel and PowerShell write it.
TEST_F(Reader, AByteOrderMarkIsNoPartOfTheFirstName) {
  const std::string mark = "\xef\xbb\xbf";
  const std::string table =
      std::string(kColumns) + "\n7,2.5e6,r,d,v,30,4,100,4096,16384,2.5,1.25,,\n";
  EXPECT_EQ(read_run(put("run.csv", mark + table)).header.seed, 7);
  const std::string records = line(sample_header());
  EXPECT_EQ(read_run(put("run.jsonl", mark + records)).header.run_name, "tst seed 3");
}

TEST_F(Reader, TableGivesTheSameRunAsRecords) {
  const auto path =
      put("run.csv",
          std::string(kColumns) +
              "\n7,2.5e6,r,\"d, quoted \"\"x\"\"\",v,30,4,0,0,0,0,5.5,,\r\n"
              "7,2.5e6,r,\"d, quoted \"\"x\"\"\",v,30,4,100,4096,16384,2.5,1.25,1.0,1.5\r\n");
  const RunRecords run = read_run(path);
  EXPECT_EQ(run.header.seed, 7);
  EXPECT_EQ(run.header.flops_per_position, 2.5e6);
  EXPECT_EQ(run.header.fingerprints.data, "d, quoted \"x\"");
  EXPECT_EQ(run.header.total_steps, 100);
  ASSERT_EQ(run.header.phases.size(), 2U);
  EXPECT_EQ(run.header.phases[0].bag_size, 4);
  EXPECT_EQ(run.header.phases[1].first_step, 30);
  EXPECT_EQ(run.header.phases[1].num_steps, 70);
  ASSERT_EQ(run.validations.size(), 2U);
  EXPECT_FALSE(run.validations[0].loss_half_a.has_value());
  EXPECT_EQ(run.validations[1].raw_tokens, 16384);
  EXPECT_EQ(run.validations[1].loss_half_b, 1.5);
  EXPECT_DOUBLE_EQ(run.validations[1].perplexity, std::exp(1.25));
}

TEST_F(Reader, TableMayHaveNamedValidationSets) {
  const std::string columns = std::string(kColumns) + ",loss/web,bits_per_byte/web,loss/a";
  const RunRecords run = read_run(put(
      "a.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,2,,,2,2.5,3\n1,1,r,d,v,0,1,2,1,1,1,1,,,1,,2\n"));
  ASSERT_EQ(run.validations.size(), 2U);
  ASSERT_EQ(run.validations[0].sets.size(), 2U);
  EXPECT_EQ(run.validations[0].sets[0].name, "web");
  EXPECT_EQ(run.validations[0].sets[0].bits_per_byte, 2.5);
  EXPECT_EQ(run.validations[0].sets[1].name, "a");
  EXPECT_EQ(run.validations[1].sets[1].loss, 2);
  EXPECT_FALSE(run.validations[1].sets[0].bits_per_byte.has_value());
  EXPECT_THAT(error_of(put("b.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,2,,,,,3\n")),
              names("b.csv:2", "missing", "'loss/web'"));
  EXPECT_THAT(error_of(put("c.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,2,,,inf,,3\n")),
              names("loss", "web", "finite"));
}

TEST_F(Reader, TableMaySayOnHowMuchTextItsLossesAre) {
  const std::string columns = std::string(kColumns) + ",scored_tokens,scored_documents";
  const RunRecords run = read_run(
      put("a.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,2,,,,\n1,1,r,d,v,0,1,2,1,1,1,1,,,4096,63\n"));
  ASSERT_EQ(run.validations.size(), 2U);
  EXPECT_FALSE(run.validations[0].scored.has_value());
  ASSERT_TRUE(run.validations[1].scored.has_value());
  EXPECT_EQ(run.validations[1].scored->tokens, 4096);
  EXPECT_EQ(run.validations[1].scored->documents, 63);
}

TEST_F(Reader, TableErrorsNameLineAndColumn) {
  const std::string columns = kColumns;
  EXPECT_THAT(error_of(put("a.csv", "seed,step\n1,1\n")),
              names("a.csv:1", "missing", "'flops_per_position'"));
  EXPECT_THAT(error_of(put("b.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,,,\n")),
              names("b.csv:2", "missing", "'loss'"));
  EXPECT_THAT(error_of(put("c.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,low,,\n")),
              names("c.csv:2", "'loss'", "number", "low"));
  EXPECT_THAT(error_of(put("d.csv", columns + "\n1,1,r,d\n")), names("d.csv:2", "14", "4"));
  EXPECT_THAT(
      error_of(put("e.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,2,,\n2,1,r,d,v,0,1,2,1,1,1,2,,\n")),
      HasSubstr("e.csv:3: seed, flops_per_position"));
  EXPECT_THAT(error_of(put("f.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,nan,,\n")),
              names("f.csv:2", "loss", "finite"));
  EXPECT_THAT(error_of(put("i.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,1,2,nan,\n")),
              names("i.csv:2", "loss_half_a", "finite"));
  EXPECT_THAT(error_of(put("j.csv", columns + "\n1,1,r,d,v,0,1,1,1,1,inf,2,,\n")),
              names("j.csv:2", "seconds", "finite"));
  EXPECT_THAT(error_of(put("g.csv", columns + "\n")), names("g.csv", "one row"));
  EXPECT_THAT(error_of(put("h.csv", columns + "\n1,1,r,d,v,0,1,1.5,1,1,1,2,,\n")),
              names("h.csv:2", "'step'", "whole number"));
}

TEST_F(Reader, ValidationTakenTwiceAtAStepCountsOnce) {
  const auto path = put("metrics.jsonl", line(sample_header()) + line(sample_validation(100, 2)) +
                                             line(sample_validation(100, 1.5)));
  const RunRecords run = read_run(folder_.path());
  ASSERT_EQ(run.validations.size(), 1U);
  EXPECT_EQ(run.validations[0].loss, 1.5);
}

TEST_F(Reader, ATaskScoredTwiceAtAStepCountsOnce) {
  TaskRecord later = sample_task(10);
  later.scores = {{"acc", 0.75}};
  const RunRecords run = read_run(put("tasks.jsonl", line(sample_header()) + line(sample_task(10)) +
                                                         line(sample_task(20)) + line(later)));
  ASSERT_EQ(run.tasks.size(), 2U);
  EXPECT_EQ(run.tasks.back().step, 10);
  EXPECT_EQ(run.tasks.back().scores.front().second, 0.75);
}

TEST_F(Reader, StepsMustNotGoBack) {
  EXPECT_THAT(error_of(put("m.jsonl", line(sample_header()) + line(sample_validation(100, 2)) +
                                          line(sample_validation(50, 2)))),
              names("m.jsonl:3", "step", "100", "50"));
}

TEST_F(Reader, LastHeaderCountsAndMustBeOfTheSameExperiment) {
  RunHeader later = sample_header();
  later.threads = 9;
  EXPECT_EQ(read_run(put("m.jsonl", line(sample_header()) + line(later))).header.threads, 9);
  later.fingerprints.data = "other";
  EXPECT_THAT(error_of(put("n.jsonl", line(sample_header()) + line(later))),
              names("n.jsonl:2", "header", "data fingerprint"));
}

TEST_F(Reader, AbsentThingsAreNamed) {
  EXPECT_THAT(error_of(folder_ / "nothing"), names("nothing", "no such"));
  EXPECT_THAT(error_of(folder_.path()), names("metrics.jsonl", "metrics.csv"));
  EXPECT_THAT(error_of(put("x.jsonl", line(sample_step(1)))), names("x.jsonl", "'header'"));
}

}  // namespace
}  // namespace superpose::metrics
