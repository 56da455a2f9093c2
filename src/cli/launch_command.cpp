#include <algorithm>
#include <array>
#include <string_view>

#include "cli/commands.h"
#include "cli/environment.h"
#include "distributed/launch.h"

namespace superpose::cli {
namespace {

// The sub-commands that make sense as several ranks; anything else is taken for a program.
constexpr std::array<std::string_view, 2> kLaunchable = {"train", "compare"};

}  // namespace

int launch_command(const LaunchCommandOptions& options) {
  distributed::LaunchOptions launch;
  launch.ranks = options.ranks;
  launch.output =
      options.all_output ? distributed::RankOutput::kAll : distributed::RankOutput::kFirst;
  const bool is_own = std::find(kLaunchable.begin(), kLaunchable.end(), options.command.front()) !=
                      kLaunchable.end();
  if (is_own) {
    launch.command.push_back(program_file().string());
  } else {
    restore_library_path();
  }
  launch.command.insert(launch.command.end(), options.command.begin(), options.command.end());
  return distributed::launch(launch);
}

}  // namespace superpose::cli
