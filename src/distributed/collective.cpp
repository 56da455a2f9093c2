#include "distributed/collective.h"

#include "distributed/c10d_collective.h"
#include "util/error.h"

namespace superpose::distributed {

std::string Collective::broadcast_result(const std::function<std::string()>& work, int root) {
  return broadcast_text(rank() == root ? work() : std::string(), root);
}

void LocalCollective::all_reduce_sum(const at::Tensor& tensor) {
  TORCH_CHECK_VALUE(tensor.scalar_type() == at::kFloat && tensor.is_contiguous(),
                    "all_reduce_sum: expected a contiguous f32 tensor, got ", tensor.scalar_type());
}

void LocalCollective::broadcast(const at::Tensor&, int root) {
  util::require(root == 0, "broadcast: root must be a rank below 1, got ", root);
}

std::string LocalCollective::broadcast_text(const std::string& text, int root) {
  util::require(root == 0, "broadcast: root must be a rank below 1, got ", root);
  return text;
}

std::unique_ptr<Collective> make_collective(const std::optional<Rendezvous>& rendezvous) {
  if (!rendezvous.has_value() || rendezvous->world_size == 1) {
    return std::make_unique<LocalCollective>();
  }
  return std::make_unique<C10dCollective>(*rendezvous);
}

}  // namespace superpose::distributed
