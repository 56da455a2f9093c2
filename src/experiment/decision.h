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
  std::int64_t signal = 0;  // that asked rank 0 to stop; 0: none did
  PlannedRun run = {};      // what to do next; nothing where all is done, or a signal came

  // A run's phases do not travel: they matter to the plan alone.
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("all_done", self.all_done);
    v.required("signal", self.signal);
    v.required("arm", self.run.arm);
    v.required("seed", self.run.seed);
    v.optional("learning_rate", self.run.learning_rate);
    v.required("budget", self.run.budget);
    v.choice("role", self.run.role, report::kRoleNames);
    v.required("folder", self.run.folder);
    v.required("parent", self.run.parent);
    v.required("first_step", self.run.first_step);
    v.required("total_steps", self.run.total_steps);
    v.required("pinned_steps", self.run.pinned_steps);
  }
};

// A decision as text and back.
std::string to_text(const Decision& decision);
Decision decision_from_text(const std::string& text);

}  // namespace superpose::experiment
