// Where the time of a training step goes, by the names that model and trainer give to its parts.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace superpose::bench {

// Seconds. `weight_gradient` is the part of the backward pass that forms the weights' gradients of
// a matrix product; `backward` is the rest of it (for a product, the gradient of its input).
struct PartTimes {
  std::string name;
  double forward = 0;
  double backward = 0;
  double weight_gradient = 0;
  double total() const { return forward + backward + weight_gradient; }
};

// Name of what no part claims.
inline constexpr const char* kOtherPart = "other";

// Name of the scope in which an operator's backward forms a weight gradient.
inline constexpr const char* kWeightGradientScope = "weight gradient";

// Measures the thread that made it, from construction to finish(), through at::RecordFunction: user
// scopes name the parts of the forward pass, and backward nodes belong to the part in whose scope
// they were made (by autograd's sequence numbers), but for what a scope inside them names. Every
// moment is charged to exactly one part, the innermost, so the parts add up to the time that
// passed. One at a time on a thread; CPU only, for elsewhere the time of a call is not that of its
// work.
class PartRecorder {
 public:
  PartRecorder();
  ~PartRecorder();
  PartRecorder(const PartRecorder&) = delete;
  PartRecorder& operator=(const PartRecorder&) = delete;

  // Ends the measurement: the parts in the order of their first appearance, "other" last.
  std::vector<PartTimes> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace superpose::bench
