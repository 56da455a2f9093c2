// Collectives as thin calls of c10d, with errors that one line can hold.
//
// A sum over ranks is Gloo's allreduce (a ring: each rank sends and receives about twice the
// tensor, in parts of which each rank adds up one and passes it on). So every rank holds the same
// bits afterwards, and the order of summation depends on size and number of ranks alone. A step
// needs one such call: loss, stop votes and hashes travel behind the gradients
// (train/step_metrics.h).
//
// Ranks that wait for one that works alone, on a corpus or a checkpoint, must neither run into the
// time limit nor miss that it has died. So the one that works sends a small broadcast every few
// seconds, and the others wait for the next of these (broadcast_result).
#include "distributed/c10d_collective.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include "distributed/preflight.h"
#include "util/error.h"

namespace superpose::distributed {
namespace {

// Between two signs of life of a rank that works alone: well below the time limit.
constexpr double kBeatSeconds = 5;
constexpr double kBeatShare = 0.1;

std::chrono::milliseconds time_limit(const Rendezvous& rendezvous) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(rendezvous.timeout_seconds * 1000));
}

// The reason alone: without Gloo's "[source file:line] " in front, its advice and the lines behind.
std::string_view essence(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  text = text.substr(0, text.find(". This is typically"));
  const std::size_t bracket = text.find("] ");
  return text.starts_with("[/") && bracket != text.npos ? text.substr(bracket + 2) : text;
}

[[noreturn]] void fail_collectively(const Rendezvous& rendezvous, const char* operation,
                                    std::string_view reason) {
  util::fail("distributed: rank ", rendezvous.rank, " of ", rendezvous.world_size, ": ", operation,
             ": a process died or did not respond within ", rendezvous.timeout_seconds,
             " s: ", essence(reason));
}

// Whatever c10d and Gloo throw becomes one line with the rank.
template <class Function>
auto translate(const Rendezvous& rendezvous, const char* operation, const Function& function) {
  try {
    return function();
  } catch (const util::Error&) {
    throw;
  } catch (const c10::Error& error) {
    fail_collectively(rendezvous, operation, error.what_without_backtrace());
  } catch (const std::exception& error) {
    fail_collectively(rendezvous, operation, error.what());
  }
}

c10::intrusive_ptr<c10d::Store> make_store(const Rendezvous& rendezvous) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(rendezvous.master_port);
  options.isServer = rendezvous.rank == 0 && !rendezvous.store_is_hosted;
  options.numWorkers = static_cast<std::size_t>(rendezvous.world_size);
  options.timeout = time_limit(rendezvous);
  c10::intrusive_ptr<c10d::Store> store =
      c10::make_intrusive<c10d::TCPStore>(rendezvous.master_addr, options);
  if (rendezvous.store_prefix.empty()) return store;
  return c10::make_intrusive<c10d::PrefixStore>(rendezvous.store_prefix, store);
}

void check_tensor(const char* operation, const at::Tensor& tensor) {
  TORCH_CHECK_VALUE(tensor.device().is_cpu(), operation,
                    ": expected a tensor in host memory (NCCL is not built in), got one on ",
                    tensor.device());
  TORCH_CHECK_VALUE(tensor.is_contiguous(), operation, ": expected a contiguous tensor");
}

void check_root(const Rendezvous& rendezvous, int root) {
  util::require(0 <= root && root < rendezvous.world_size, "broadcast: root must be a rank below ",
                rendezvous.world_size, ", got ", root);
}

}  // namespace

C10dCollective::C10dCollective(const Rendezvous& rendezvous) : rendezvous_(rendezvous) {
  // Gloo writes to its sockets without MSG_NOSIGNAL.
  ::signal(SIGPIPE, SIG_IGN);
  check_network(rendezvous_);
  translate(rendezvous_, "start", [&] {
    store_ = make_store(rendezvous_);
    backend_ = make_gloo_backend(store_, rendezvous_);
  });
  // Rank 0 may host the store, so it must not continue, and perhaps end, while others still
  // connect.
  barrier();
}

C10dCollective::~C10dCollective() = default;

void C10dCollective::wait_for(const char* operation,
                              const std::function<c10::intrusive_ptr<c10d::Work>()>& start) const {
  translate(rendezvous_, operation, [&] { start()->wait(); });
}

void C10dCollective::all_reduce_sum(const at::Tensor& tensor) {
  check_tensor("all_reduce_sum", tensor);
  TORCH_CHECK_VALUE(tensor.scalar_type() == at::kFloat, "all_reduce_sum: expected f32, got ",
                    tensor.scalar_type());
  std::vector<at::Tensor> tensors = {tensor.detach()};
  wait_for("all_reduce_sum", [&] { return backend_->allreduce(tensors, {}); });
}

void C10dCollective::broadcast(const at::Tensor& tensor, int root) {
  check_tensor("broadcast", tensor);
  check_root(rendezvous_, root);
  if (tensor.numel() == 0) return;
  std::vector<at::Tensor> tensors = {tensor.detach()};
  c10d::BroadcastOptions options;
  options.rootRank = root;
  wait_for("broadcast", [&] { return backend_->broadcast(tensors, options); });
}

void C10dCollective::barrier() {
  // Not Gloo's own barrier: its message of a dead peer is longer than a line.
  std::vector<at::Tensor> tensors = {at::zeros({1}, at::kFloat)};
  wait_for("barrier", [&] { return backend_->allreduce(tensors, {}); });
}

std::string C10dCollective::broadcast_text(const std::string& text, int root) {
  check_root(rendezvous_, root);
  const at::Tensor length = at::empty({1}, at::kLong);
  *length.mutable_data_ptr<std::int64_t>() = static_cast<std::int64_t>(text.size());
  broadcast(length, root);
  std::string result(static_cast<std::size_t>(*length.const_data_ptr<std::int64_t>()), '\0');
  const at::Tensor bytes = at::empty({static_cast<std::int64_t>(result.size())}, at::kByte);
  if (result.empty()) return result;
  if (rank() == root) std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
  broadcast(bytes, root);
  std::memcpy(result.data(), bytes.const_data_ptr(), result.size());
  return result;
}

bool C10dCollective::broadcast_flag(bool flag, int root) {
  const at::Tensor tensor = at::zeros({1}, at::kLong);
  if (flag) *tensor.mutable_data_ptr<std::int64_t>() = 1;
  broadcast(tensor, root);
  return *tensor.const_data_ptr<std::int64_t>() != 0;
}

// While root works it sends flags that say "not yet", from a thread that does nothing else: so the
// others wait for the next flag alone, and notice at once where root is gone.
std::string C10dCollective::broadcast_result(const std::function<std::string()>& work, int root) {
  check_root(rendezvous_, root);
  std::string result;
  if (rank() == root) {
    result = work_and_beat(work, root);
    broadcast_flag(true, root);
  } else {
    while (!broadcast_flag(false, root)) {
    }
  }
  return broadcast_text(result, root);
}

std::string C10dCollective::work_and_beat(const std::function<std::string()>& work, int root) {
  const auto interval = std::chrono::duration<double>(
      std::min(kBeatSeconds, rendezvous_.timeout_seconds * kBeatShare));
  std::string result;
  std::exception_ptr lost;  // of a peer
  {
    const std::jthread beat([&](const std::stop_token& stop) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any wakes;
      try {
        while (!wakes.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
          broadcast_flag(false, root);
        }
      } catch (...) {
        lost = std::current_exception();
      }
    });
    result = work();
  }
  if (lost) std::rethrow_exception(lost);
  return result;
}

}  // namespace superpose::distributed
