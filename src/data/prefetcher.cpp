#include "data/prefetcher.h"

#include <chrono>
#include <utility>

#include "util/error.h"

namespace superpose::data {

Prefetcher::Prefetcher(std::function<Batch(std::int64_t)> load, std::int64_t first_step,
                       std::int64_t last_step, std::int64_t depth)
    : load_(std::move(load)), next_step_(first_step), last_step_(last_step) {
  util::require(depth >= 1, "data.prefetch: must be >= 1, got ", depth);
  depth_ = static_cast<std::size_t>(depth);
  thread_ =
      std::jthread([this, first_step](const std::stop_token& stop) { run(first_step, stop); });
}

Prefetcher::~Prefetcher() = default;

Batch Prefetcher::next() {
  util::require(next_step_ < last_step_, "data: no batch behind step ", last_step_ - 1);
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !queue_.empty() || error_ != nullptr; });
  waited_seconds_ +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  // The steps before the one that failed are still there.
  if (queue_.empty()) std::rethrow_exception(error_);
  Batch batch = std::move(queue_.front());
  queue_.pop_front();
  ++next_step_;
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void Prefetcher::run(std::int64_t first_step, const std::stop_token& stop) {
  try {
    for (std::int64_t step = first_step; step < last_step_; ++step) {
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [this] { return queue_.size() < depth_; })) return;
      }
      if (stop.stop_requested()) return;
      Batch batch = load_(step);
      const std::scoped_lock lock(mutex_);
      queue_.push_back(std::move(batch));
      changed_.notify_all();
    }
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    error_ = std::current_exception();
    changed_.notify_all();
  }
}

}  // namespace superpose::data
