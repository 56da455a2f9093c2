// Exceptions of several threads.
#pragma once

#include <exception>
#include <mutex>

namespace superpose::util {

// The first exception of several threads, for whoever waits for them: out of a thread itself it
// would end the process.
class FirstError {
 public:
  // Calls the action; any thread may.
  template <class Action>
  void run(const Action& action) {
    try {
      action();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  // Once the threads are joined.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace superpose::util
