// What the records and checkpoints say of the machine and of the program.
#pragma once

#include <optional>
#include <string>

#include "distributed/rendezvous.h"
#include "train/environment.h"

namespace superpose::cli {

// "0.1.0"
std::string program_version();

// CPU model and features, kernels in use, versions, processes of this run on this machine.
train::Machine describe_machine(const std::optional<distributed::Rendezvous>& rendezvous);

}  // namespace superpose::cli
