#include "corpus/prepare/batch_pipeline.h"

#include <algorithm>
#include <utility>

namespace superpose::corpus {
namespace {

// Text queued for each encoder, besides what it works on: enough that a slow batch or a pause of
// the taker leaves none idle.
constexpr std::size_t kBytesAnEncoder = std::size_t{4} << 20;
// A batch of short or dropped documents weighs little text, but is not nothing.
constexpr std::size_t kLeastBatchSize = std::size_t{1} << 14;

}  // namespace

BatchPipeline::BatchPipeline(Read read, std::vector<Encode> encoders)
    : byte_limit_(encoders.size() * kBytesAnEncoder) {
  threads_.reserve(encoders.size() + 1);
  for (Encode& encode : encoders) {
    threads_.emplace_back([this, encode = std::move(encode)](const std::stop_token& stop) {
      encode_all(encode, stop);
    });
  }
  threads_.emplace_back(
      [this, read = std::move(read)](const std::stop_token& stop) { read_all(read, stop); });
}

BatchPipeline::~BatchPipeline() {
  // All of them before the first is joined.
  for (std::jthread& thread : threads_) thread.request_stop();
}

std::optional<DocumentBatch> BatchPipeline::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [&] { return slots_.empty() ? is_read_ : slots_.front().state == State::kDone; });
  if (slots_.empty()) return std::nullopt;
  Slot slot = std::move(slots_.front());
  slots_.pop_front();
  bytes_under_way_ -= slot.size;
  lock.unlock();
  changed_.notify_all();
  if (slot.error) std::rethrow_exception(slot.error);
  return std::move(slot.batch);
}

void BatchPipeline::read_all(const Read& read, const std::stop_token& stop) {
  bool is_more = true;
  while (is_more) {
    Slot slot;
    try {
      is_more = read(slot.batch);
      if (!is_more) break;
    } catch (...) {
      slot = {.batch = {}, .state = State::kDone, .error = std::current_exception()};
      is_more = false;
    }
    slot.size = std::max(slot.batch.text.size(), kLeastBatchSize);
    if (!put(std::move(slot), stop)) return;
  }
  const std::lock_guard lock(mutex_);
  is_read_ = true;
  changed_.notify_all();
}

// False where the pipeline is stopped.
bool BatchPipeline::put(Slot slot, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop,
                [&] { return slots_.empty() || bytes_under_way_ + slot.size <= byte_limit_; });
  if (stop.stop_requested()) return false;
  bytes_under_way_ += slot.size;
  slots_.push_back(std::move(slot));
  lock.unlock();
  changed_.notify_all();
  return true;
}

void BatchPipeline::encode_all(const Encode& encode, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (Slot* slot = take_read(lock, stop)) {
    lock.unlock();
    std::exception_ptr error;
    try {
      encode(slot->batch);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    slot->error = error;
    slot->state = State::kDone;
    changed_.notify_all();
  }
}

// The first batch that nobody encodes yet, or null where none will come.
BatchPipeline::Slot* BatchPipeline::take_read(std::unique_lock<std::mutex>& lock,
                                              const std::stop_token& stop) {
  Slot* found = nullptr;
  changed_.wait(lock, stop, [&] {
    const auto slot = std::find_if(slots_.begin(), slots_.end(),
                                   [](const Slot& s) { return s.state == State::kRead; });
    found = slot == slots_.end() ? nullptr : &*slot;
    return found != nullptr || is_read_;
  });
  if (stop.stop_requested() || found == nullptr) return nullptr;
  found->state = State::kEncoding;
  return found;
}

}  // namespace superpose::corpus
