// Which settings a resumed run has changed.
#pragma once

#include <string>
#include <vector>

#include "util/setting.h"

namespace superpose::train {

// Keys that may not change at a resume, and did: "train.steps (checkpoint 100, recipe 200)". Of a
// list or table only what differs in it: "phases[1].bag_size (checkpoint 2, recipe 4)". A key that
// one side lacks counts, too.
std::vector<std::string> setting_changes(const std::vector<util::Setting>& checkpoint,
                                         const std::vector<util::Setting>& recipe);

}  // namespace superpose::train
