// Reading, encoding and writing of a corpus on several threads, in order and in bounded memory.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "corpus/prepare/document_batch.h"

namespace superpose::corpus {

// Batches from one reader over several encoders to one taker, in the reader's order:
//
//   reader thread   ->   encoder threads   ->   next(), on the caller's thread
//
// Memory is bounded: the reader waits while the queued text passes a fixed size, except that
// one batch is always let through, however large a document is.
class BatchPipeline {
 public:
  // Fills the next batch; false at the end. Called by one thread, to the end or an exception.
  using Read = std::function<bool(DocumentBatch&)>;
  // Called by one thread at a time; each encoder thread has its own.
  using Encode = std::function<void(DocumentBatch&)>;

  BatchPipeline(Read read, std::vector<Encode> encoders);
  // Stops the threads, wherever they are.
  ~BatchPipeline();
  BatchPipeline(const BatchPipeline&) = delete;
  BatchPipeline& operator=(const BatchPipeline&) = delete;

  // The next batch, encoded; none at the end. What the reader or an encoder threw comes out in its
  // place: every batch before it has been given.
  std::optional<DocumentBatch> next();

 private:
  enum class State { kRead, kEncoding, kDone };
  struct Slot {
    DocumentBatch batch;
    State state = State::kRead;
    std::exception_ptr error;
    std::size_t size = 0;  // of the text, in bytes
  };
  void read_all(const Read& read, const std::stop_token& stop);
  bool put(Slot slot, const std::stop_token& stop);
  void encode_all(const Encode& encode, const std::stop_token& stop);
  Slot* take_read(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);

  std::size_t byte_limit_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Slot> slots_;  // in order; a deque, so that they stay where they are
  std::size_t bytes_under_way_ = 0;
  bool is_read_ = false;               // nothing follows
  std::vector<std::jthread> threads_;  // last: they end before what they use goes
};

}  // namespace superpose::corpus
