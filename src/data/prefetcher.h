// Batches loaded ahead of the training thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "data/batch_source.h"

namespace superpose::data {

// Loads the batches of consecutive steps on a thread of its own, up to `depth` ahead of the caller
// (one thread).
class Prefetcher {
 public:
  // Batches of steps [first_step, last_step); depth >= 1. `load` is called from the other thread,
  // one call at a time; what it refers to must outlive the prefetcher.
  Prefetcher(std::function<Batch(std::int64_t)> load, std::int64_t first_step,
             std::int64_t last_step, std::int64_t depth);
  // Waits for a call of `load` that has begun, if any, and for no other.
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // The next batch, in order of the steps. Waits for it where it is not there yet. Throws what
  // `load` threw for that step (then and at each later call), and util::Error after the last one.
  Batch next();

  // Time that next() has spent waiting, in all.
  double waited_seconds() const { return waited_seconds_; }

 private:
  void run(std::int64_t first_step, const std::stop_token& stop);

  std::function<Batch(std::int64_t)> load_;
  std::int64_t next_step_;  // the caller's
  std::int64_t last_step_;
  std::size_t depth_ = 1;
  double waited_seconds_ = 0;

  std::mutex mutex_;  // guards queue_ and error_
  std::condition_variable_any changed_;
  std::deque<Batch> queue_;
  std::exception_ptr error_;
  std::jthread thread_;  // last: it stops before what it uses goes
};

}  // namespace superpose::data
