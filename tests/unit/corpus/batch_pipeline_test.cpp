#include "corpus/prepare/batch_pipeline.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace superpose::corpus {
namespace {

BatchPipeline::Read count_to(int end) {
  return [end, next = 0](DocumentBatch& batch) mutable {
    if (next == end) return false;
    batch.text.assign(static_cast<std::size_t>(next % 5) * 1000, 'x');
    batch.records = next++;
    return true;
  };
}

// Takes longer for some batches than for others, so that they are done out of order.
void encode(DocumentBatch& batch) {
  if (batch.records % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
  batch.bytes_read = batch.records * 2;
}

TEST(BatchPipeline, GivesEveryBatchOnceInOrder) {
  for (const std::size_t encoders : {1U, 2U, 5U}) {
    BatchPipeline pipeline(count_to(200), std::vector<BatchPipeline::Encode>(encoders, encode));
    for (int i = 0; i < 200; ++i) {
      const auto batch = pipeline.next();
      ASSERT_TRUE(batch);
      EXPECT_EQ(batch->records, i);
      EXPECT_EQ(batch->bytes_read, 2 * i);
    }
    EXPECT_FALSE(pipeline.next());
    EXPECT_FALSE(pipeline.next());
  }
}

TEST(BatchPipeline, ErrorsComeOutInTheirPlace) {
  const auto read = [inner = count_to(10), reads = 0](DocumentBatch& batch) mutable {
    if (++reads == 6) throw std::runtime_error("read");
    return inner(batch);
  };
  BatchPipeline reading(read, {encode, encode});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(reading.next()->records, i);
  EXPECT_THROW(reading.next(), std::runtime_error);

  const auto fail_third = [](DocumentBatch& batch) {
    if (batch.records == 3) throw std::runtime_error("encode");
  };
  BatchPipeline encoding(count_to(10), {fail_third, fail_third});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(encoding.next()->records, i);
  EXPECT_THROW(encoding.next(), std::runtime_error);
}

TEST(BatchPipeline, ReaderWaitsWhereTooMuchTextIsUnderWay) {
  std::atomic<int> reads = 0;
  const auto read = [&](DocumentBatch& batch) {
    batch.text.assign(std::size_t{1} << 20, 'x');
    return ++reads <= 100;
  };
  BatchPipeline pipeline(read, {encode});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(reads, 5);  // 4 MiB for one encoder, and the one that waits
  while (pipeline.next()) {
  }
  EXPECT_EQ(reads, 101);
}

TEST(BatchPipeline, OneHugeBatchPasses) {
  const auto read = [left = 3](DocumentBatch& batch) mutable {
    batch.text.assign(std::size_t{9} << 20, 'x');
    return left-- > 0;
  };
  BatchPipeline pipeline(read, {encode});
  int batches = 0;
  while (pipeline.next()) ++batches;
  EXPECT_EQ(batches, 3);
}

TEST(BatchPipeline, MayBeLeftEarly) {
  for (int taken = 0; taken < 4; ++taken) {
    BatchPipeline pipeline(count_to(1000), {encode, encode});
    for (int i = 0; i < taken; ++i) pipeline.next();
  }
}

}  // namespace
}  // namespace superpose::corpus
