// What an optimizer rule is: the update of one range of the weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace superpose::optim {

// The tensors of a range of n elements: flat, contiguous, of one device.
struct RuleRange {
  at::Tensor master = {}, gradient = {};  // [n] f32
  at::Tensor copy = {};  // [n] bf16, where the updated weights are rounded to; or undefined
  std::vector<at::Tensor> states = {};   // [n] f32 each, in the order of Rule::states()
  std::vector<std::int64_t> shape = {};  // of the weight, for a rule that takes whole matrices
};

struct RuleStep {
  double learning_rate = 0;
  double weight_decay = 0;  // decoupled; 0 for weights without decay
  double grad_scale = 1;    // multiplies the gradient as it is read
  std::int64_t number = 1;  // of this update, from 1
};

class Rule {
 public:
  virtual ~Rule() = default;

  // The states of each weight by the names that checkpoints know them by.
  virtual std::span<const std::string_view> states() const = 0;

  // Whether a range must be one whole matrix. Other rules work element by element: any range will
  // do, and gaps in it that hold zeros stay zero.
  virtual bool takes_whole_matrices() const = 0;

  // Bytes that an update reads and writes for each weight, at least; without the copy.
  virtual std::int64_t bytes_per_weight() const = 0;

  // Updates master, states and copy in place, and leaves the gradient as it is. The same bits for
  // any number of threads.
  virtual void update(const RuleRange& range, const RuleStep& step) const = 0;
};

}  // namespace superpose::optim
