#include <iostream>

#include "checkpoint/checkpoint.h"
#include "cli/commands.h"

namespace superpose::cli {

int verify_checkpoint_command(const std::string& folder) {
  const std::filesystem::path found = checkpoint::locate(folder);
  checkpoint::verify(found, checkpoint::Check::kHashes);
  std::cout << found.string() << ": every file is as its manifest says\n";
  return kDone;
}

}  // namespace superpose::cli
