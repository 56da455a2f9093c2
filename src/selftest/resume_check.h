// Kill and resume, as a user's machine does it to a run.
#pragma once

#include <string>

#include "selftest/check.h"

namespace superpose::selftest {

// Trains a small model on made-up text twice, each time with the program `program` in processes of
// its own and below a temporary folder: once undisturbed, once killed (SIGKILL) during
// superposition and again after it. Counts the files of weights and optimizer state that differ in
// the end; none should. `device` is train.device, `isa` what --isa takes.
Check check_resume(const std::string& program, const std::string& device, const std::string& isa);

}  // namespace superpose::selftest
