// Collectives over c10d's process groups, and the Gloo transport behind them.
#pragma once

#include <functional>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "distributed/collective.h"

namespace superpose::distributed {

// A collective over one of c10d's process groups. Knows nothing of the transport behind it.
class C10dCollective final : public Collective {
 public:
  // Returns once every rank is connected. The process ignores SIGPIPE from then on: a write to a
  // rank that died is an error with a message, not a signal.
  explicit C10dCollective(const Rendezvous& rendezvous);
  ~C10dCollective() override;
  C10dCollective(const C10dCollective&) = delete;
  C10dCollective& operator=(const C10dCollective&) = delete;

  int rank() const override { return rendezvous_.rank; }
  int world_size() const override { return rendezvous_.world_size; }
  void all_reduce_sum(const at::Tensor& tensor) override;
  void broadcast(const at::Tensor& tensor, int root) override;
  void barrier() override;
  std::string broadcast_text(const std::string& text, int root) override;
  std::string broadcast_result(const std::function<std::string()>& work, int root) override;

 private:
  std::string work_and_beat(const std::function<std::string()>& work, int root);
  bool broadcast_flag(bool flag, int root);
  void wait_for(const char* operation,
                const std::function<c10::intrusive_ptr<c10d::Work>()>& start) const;

  Rendezvous rendezvous_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::Backend> backend_;
};

// The transport: Gloo over TCP, for tensors in host memory. In gloo_backend.cpp, the one file that
// sees Gloo's headers.
c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>& store,
                                                    const Rendezvous& rendezvous);

}  // namespace superpose::distributed
