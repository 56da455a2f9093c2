#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "metrics/crc32c.h"
#include "metrics/tensorboard_sink.h"
#include "sample_records.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::metrics {
namespace {

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);            // the check value of CRC-32C
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(masked_crc32c("123456789"),
            ((0xE3069283U >> 15U) | (0xE3069283U << 17U)) + 0xA282EAD8U);
}

TEST(TensorBoard, FileIsNamedAndFramedAsTensorBoardWantsIt) {
  const test::TempDir folder;
  const TensorBoardSink first(folder.path(), 0);
  const TensorBoardSink second(folder.path(), 0);
  EXPECT_NE(first.path(), second.path());
  EXPECT_THAT(first.path().filename().string(), testing::StartsWith("events.out.tfevents."));
  const std::string bytes = util::read_file(first.path());
  EXPECT_THAT(bytes, testing::HasSubstr("brain.Event:2"));
  const auto length = static_cast<unsigned char>(bytes.at(0));
  EXPECT_EQ(bytes.size(), 8U + 4U + length + 4U);
}

// tensorboard_check.py reads the files with the tensorboard package and prints what it found.
TEST(TensorBoard, TensorBoardReadsItBack) {
  const test::TempDir folder;
  {
    TensorBoardSink sink(folder.path(), 0);
    sink.write(sample_header());
    StepRecord step = sample_step(10);
    step.is_bag_loss = true;
    sink.write(step);
    step = sample_step(500);
    step.loss = 1.5;
    sink.write(step);
    sink.write(sample_validation_of_two(500));
    sink.write(sample_task(500));
    sink.write(sample_step(600));  // dropped by the resume below
  }
  {
    TensorBoardSink sink(folder.path(), 500);
    StepRecord step = sample_step(550);
    step.loss = 1.125;
    sink.write(step);
  }
  const std::string configured = SUPERPOSE_PYTHON;  // empty in builds without libtorch
  const std::string python =
      configured.empty() ? SUPERPOSE_SOURCE_DIR "/.venv/bin/python" : configured;
  const std::string found = folder / "found.txt";
  const int status =
      std::system((python + " " SUPERPOSE_SOURCE_DIR "/tests/unit/metrics/tensorboard_check.py " +
                   folder.path().string() + " > " + found)
                      .c_str());
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "skipped: the tensorboard package is absent";
  ASSERT_EQ(WEXITSTATUS(status), 0);
  const std::string text = util::read_file(found);
  EXPECT_THAT(text, testing::HasSubstr("train/bag_loss [(10, 2.5)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("train/ntp_loss [(500, 1.5), (550, 1.125)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("validation/ntp_loss [(500, 1.25)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("validation/bits_per_byte [(500, 1.75)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("task/piqa/acc [(500, 0.5625)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("task/piqa/acc_by_chance [(500, 0.5)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("task/piqa/bits_per_byte [(500, 1.1875)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("validation/books/ntp_loss [(500, 1.25)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("validation/books/bits_per_byte [(500, 1.75)]\n"));
  EXPECT_THAT(text, testing::HasSubstr("validation/code/ntp_loss [(500, 2.0)]\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("validation/code/bits_per_byte")));
  EXPECT_THAT(text, testing::HasSubstr(
                        "data/raw_tokens [(10, 163840.0), (500, 8192000.0), (550, 9011200.0)]\n"));
}

}  // namespace
}  // namespace superpose::metrics
