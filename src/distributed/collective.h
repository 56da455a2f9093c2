// Sums, broadcasts and barriers over the ranks of a run.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "distributed/rendezvous.h"

namespace superpose::distributed {

// What the ranks of one run do together. Every rank calls the same operations in the same order
// with tensors of the same size and dtype. All calls block until done. All throw util::Error with
// one line that carries the rank when a peer is gone or the time limit has passed; the group is
// then unusable and the process should end.
class Collective {
 public:
  virtual ~Collective() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  // Adds the tensors of all ranks, in place; afterwards all ranks hold the same bits. The order of
  // summation depends on the size and the number of ranks alone, so a repeated run gives the same
  // bits.
  //
  //   tensor  f32, contiguous, any shape
  virtual void all_reduce_sum(const at::Tensor& tensor) = 0;

  // Overwrites the tensor of every rank by that of `root`. Contiguous, any dtype of c10d.
  virtual void broadcast(const at::Tensor& tensor, int root) = 0;

  // Returns once every rank has come here.
  virtual void barrier() = 0;

  // The text of `root`, on every rank; the argument of the others is not looked at.
  virtual std::string broadcast_text(const std::string& text, int root) = 0;

  // What `work` returns, on every rank. It is called on `root` alone and may take any time: the
  // time limit does not count while root is alive. Where it throws, root should end; the others
  // then throw as for any rank that is gone.
  virtual std::string broadcast_result(const std::function<std::string()>& work, int root);
};

// A collective of one process: every operation is the identity.
class LocalCollective final : public Collective {
 public:
  int rank() const override { return 0; }
  int world_size() const override { return 1; }
  void all_reduce_sum(const at::Tensor& tensor) override;
  void broadcast(const at::Tensor& tensor, int root) override;
  void barrier() override {}
  std::string broadcast_text(const std::string& text, int root) override;
};

// LocalCollective where there is no rendezvous (or a world of one), else c10d's process group: a
// TCP store at master_addr:master_port and Gloo, for tensors in host memory. NCCL is not built in:
// a tensor on another device is refused with its device named.
std::unique_ptr<Collective> make_collective(const std::optional<Rendezvous>& rendezvous);

}  // namespace superpose::distributed
