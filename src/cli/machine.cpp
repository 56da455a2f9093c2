#include "cli/machine.h"

#include <fstream>

#include "ops/kernels.h"

namespace superpose::cli {
namespace {

// The first "model name" of /proc/cpuinfo; empty where there is none.
std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return {};
}

}  // namespace

std::string program_version() { return SUPERPOSE_VERSION; }

train::Machine describe_machine(const std::optional<distributed::Rendezvous>& rendezvous) {
  train::Machine machine;
  const std::string model = cpu_model();
  machine.cpu = (model.empty() ? "" : model + ": ") + ops::cpu_features();
  machine.bf16 = ops::native_bf16();
  machine.isa = ops::isa_in_force();
  for (const ops::KernelInfo& kernel : ops::kernels_in_use()) {
    machine.kernels += (machine.kernels.empty() ? "" : " ") + kernel.name + ":" + kernel.isa;
  }
  machine.versions = {{"superpose", program_version()}, {"libtorch", train::libtorch_version()}};
  if (rendezvous) machine.processes = rendezvous->local_world_size;
  return machine;
}

}  // namespace superpose::cli
