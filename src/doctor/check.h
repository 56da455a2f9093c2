// A check of `superpose doctor`: what it is called, what it needs, what it found.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace superpose::doctor {

struct Subject;

enum class Status { kPassed, kWarning, kFailed, kNotTried };
inline constexpr std::array<std::string_view, 4> kStatusNames = {"ok", "warning", "failed",
                                                                 "not tried"};

struct Outcome {
  Status status = Status::kPassed;
  std::string found = {};      // what was measured or seen, one line
  std::string next_step = {};  // what to do; empty where it passed
};

// What must have worked before: nothing; the corpus and the plan; a model with its first weights.
enum class Needs { kNothing, kSetup, kModel };

// One property of a recipe. A new check is one of these in checks.cpp.
struct Check {
  std::string_view name;  // "tokenizer"
  Needs needs = Needs::kSetup;
  // May throw: the check has then failed, and the error says why.
  Outcome (*run)(Subject& subject);
  std::string_view advice;  // the next step where it throws
};

}  // namespace superpose::doctor
