// What the ranks agree on: rank 0 looks at the folders and decides, the others are told.
#pragma once

#include <functional>
#include <string>

#include "distributed/collective.h"
#include "experiment/run_list.h"

namespace superpose::experiment {

// Does `work` on rank 0 and hands its text, or its util::Error, to every rank.
std::string on_first_rank(distributed::Collective& collective,
                          const std::function<std::string()>& work);

struct Decision {
  bool all_done = false;
  PlannedRun run;  // what to do next; nothing where all is done
};

// A decision as text and back. A run's phases do not travel: they matter to the plan alone.
std::string to_text(const Decision& decision);
Decision decision_from_text(const std::string& text);

}  // namespace superpose::experiment
