// How long the runs will take.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "train/speed.h"

namespace superpose::experiment {

// Seconds for FLOPs, from what is known: the arm's own speed where one of its runs has records,
// else the speed of another arm at equal FLOPs, else that of the machine.
class TimeEstimate {
 public:
  // What a run did so far.
  void add_measured(std::size_t arm, double flops, double seconds);
  // Of an arm that has not run.
  void set_speed(std::size_t arm, const train::Speed& speed);

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
  std::map<std::size_t, train::Speed> speeds_;
};

}  // namespace superpose::experiment
