// How long the runs will take.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "experiment/progress.h"

namespace superpose::experiment {

// Seconds for a piece of work, from what was measured: the arm's own speed where one of its runs
// has records, else the speed of another arm at equal FLOPs, else that of a matrix product.
class TimeEstimate {
 public:
  // What a run did so far.
  void add_measured(std::size_t arm, double flops, double seconds);
  // FLOPs a second of matrix products on this machine, all ranks together.
  void set_product_speed(double flops_per_second);

  bool has_measured() const { return !measured_.empty(); }
  // Nothing where neither was given.
  std::optional<double> seconds(std::size_t arm, double flops) const;
  // Where the figures come from, in words.
  std::string source() const;

 private:
  struct Measured {
    double flops = 0;
    double seconds = 0;
  };
  std::map<std::size_t, Measured> measured_;  // by arm
  std::optional<double> product_speed_;
};

// FLOPs a second of f32 matrix products in this process, measured for a fifth of a second.
double measure_product_speed();

}  // namespace superpose::experiment
