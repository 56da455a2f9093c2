#include <iostream>

#include "checkpoint/checkpoint.h"
#include "cli/commands.h"

namespace superpose::cli {

int verify_checkpoint_command(const std::string& folder) {
  checkpoint::verify(folder, checkpoint::Check::kHashes);
  std::cout << folder << ": every file is as its manifest says\n";
  return kDone;
}

}  // namespace superpose::cli
