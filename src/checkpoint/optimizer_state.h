// Optimizer state on disk as ranges of parameters, so that any number of ranks can save and load.
// Today every rank holds every state: rank 0 saves whole ones (train/checkpoints.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"

namespace superpose::checkpoint {

// A range of one parameter's optimizer state: elements [begin, begin + values.numel()) of the
// flattened tensor. A rank that holds a whole parameter gives one range from 0; a rank that holds a
// part gives that part. Whoever loads asks for the range it needs, so the number of ranks that
// saved and that load are independent.
//
// On disk (docs/formats/checkpoint.md): one 1-D tensor per range, named
// "<state>/<parameter>[<begin>:<end>]", such as "exp_avg/model.norm.weight[0:64]".
struct StateRange {
  std::string state;      // "exp_avg", "exp_avg_sq"; no '/'
  std::string parameter;  // Hugging Face name
  std::int64_t begin = 0;
  at::Tensor values;  // 1-D
};

std::vector<NamedTensor> to_named_tensors(const std::vector<StateRange>& ranges);

// The optimizer state of a checkpoint, read from any split. Throws util::Error that names the file
// for a tensor that is not named as above, and for ranges that overlap.
class OptimizerState {
 public:
  explicit OptimizerState(SafetensorsFile file);

  bool contains(const std::string& state, const std::string& parameter) const;

  // Fills `out` (1-D) with elements [begin, begin + out.numel()) of the flattened state. Throws,
  // naming the first missing element, where the ranges of the file do not cover it.
  void copy_to(const std::string& state, const std::string& parameter, std::int64_t begin,
               const at::Tensor& out) const;

 private:
  struct Piece {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::string tensor;
  };

  SafetensorsFile file_;
  std::map<std::string, std::vector<Piece>> pieces_;  // by "<state>/<parameter>", sorted by begin
};

}  // namespace superpose::checkpoint
