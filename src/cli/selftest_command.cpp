#include <iostream>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/machine.h"
#include "ops/kernels.h"
#include "selftest/selftest.h"
#include "util/files.h"

namespace superpose::cli {

int selftest_command(const SelftestOptions& options) {
  selftest::Options test;
  test.device = options.device;
  test.isa_levels = options.isa == "all" ? ops::available_isa_levels()
                                         : std::vector<std::string>{wanted_isa(options.isa)};
  test.program = program_file().string();
  test.machine = describe_machine(std::nullopt);
  const selftest::Result result = selftest::run(test, std::cout);
  selftest::print(std::cout, result);
  util::write_file_atomic(options.out, selftest::to_json(result, test.machine).dump(2) + "\n");
  std::cout << "all figures: " << options.out << '\n';
  return result.passed() ? kDone : kFailed;
}

}  // namespace superpose::cli
