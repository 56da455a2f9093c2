#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/environment.h"
#include "config/synonyms.h"
#include "distributed/launch.h"

namespace superpose::cli {
namespace {

// The commands that make sense as several ranks; anything else is taken for a program.
const std::vector<std::string>& launchable() {
  static const std::vector<std::string> kNames = {"train", "compare", "doctor"};
  return kNames;
}

// What is neither would fail once per rank.
std::string unknown_program(const std::string& name) {
  const std::string meant = config::slip_of(name, launchable());
  return "launch: " + name + ": no such command or program, " +
         (meant.empty() ? "expected train, compare, doctor or a program"
                        : "did you mean " + meant + "?");
}

}  // namespace

int launch_command(const LaunchCommandOptions& options) {
  distributed::LaunchOptions launch;
  launch.ranks = options.ranks;
  launch.output =
      options.all_output ? distributed::RankOutput::kAll : distributed::RankOutput::kFirst;
  const std::string& name = options.command.front();
  if (std::find(launchable().begin(), launchable().end(), name) != launchable().end()) {
    launch.command.push_back(program_file().string());
  } else if (!has_program(name)) {
    std::cerr << "superpose: " << unknown_program(name) << '\n';
    return kUsage;
  } else {
    restore_library_path();
  }
  launch.command.insert(launch.command.end(), options.command.begin(), options.command.end());
  return distributed::launch(launch);
}

}  // namespace superpose::cli
