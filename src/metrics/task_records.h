// What a run says about an evaluation task that it scored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "util/json_fields.h"

namespace superpose::metrics {

// The primary score of a task: it tells small models apart that choose as well as chance.
inline constexpr const char* kPrimaryScore = "bits_per_byte";

// A task after `step` finished steps, asked next token by next token in every phase. The names of
// scores are those of `superpose eval` (docs/evaluation.md).
struct TaskRecord {
  std::int64_t step = 0;
  std::int64_t positions = 0;
  std::int64_t raw_tokens = 0;
  double seconds = 0;  // training clock (steps alone) at this point
  std::string name;
  std::int64_t items = 0;
  std::string fingerprint;   // of what was asked: scores of other questions are not comparable
  util::NumberPairs scores;  // by name: "acc", "bits_per_byte", ...
  util::NumberPairs errors;  // their standard errors over items, where there are any
  util::NumberPairs chance;  // what a model that knows nothing gets, for the scores that have it
  double evaluation_seconds = 0;  // what this took, not part of `seconds`
  double elapsed_seconds = 0;     // as in StepRecord, this evaluation included
  std::string time = {};          // likewise

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("step", self.step);
    v.optional("positions", self.positions);
    v.optional("raw_tokens", self.raw_tokens);
    v.optional("seconds", self.seconds);
    v.required("name", self.name);
    v.optional("items", self.items);
    v.optional("fingerprint", self.fingerprint);
    v.required("scores", self.scores);
    v.unless_empty("errors", self.errors);
    v.unless_empty("chance", self.chance);
    v.optional("evaluation_seconds", self.evaluation_seconds);
    v.optional("elapsed_seconds", self.elapsed_seconds);
    v.unless_empty("time", self.time);
  }
};

// The number of that name, or null.
inline const double* find_number(const util::NumberPairs& numbers, std::string_view name) {
  for (const auto& [key, value] : numbers) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace superpose::metrics
