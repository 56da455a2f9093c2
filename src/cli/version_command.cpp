#include <iostream>

#include "cli/commands.h"
#include "cli/machine.h"
#include "ops/kernels.h"
#include "train/environment.h"

namespace superpose::cli {

int version_command() {
  std::cout << "superpose " << program_version() << "\nlibtorch " << train::libtorch_version()
            << "\nCPU " << describe_machine(std::nullopt).cpu << "\nthreads "
            << train::available_cores() << "\nkernels " << ops::isa_in_force() << '\n';
  for (const ops::KernelInfo& kernel : ops::kernels_in_use()) {
    std::cout << "  " << kernel.name << ": " << kernel.isa << '\n';
  }
  return kDone;
}

}  // namespace superpose::cli
