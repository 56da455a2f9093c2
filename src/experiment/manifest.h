// experiment.json: what the report is told, and what a later call takes over from an earlier one.
#pragma once

#include <span>
#include <vector>

#include "experiment/compare.h"
#include "experiment/identity.h"
#include "experiment/noise.h"
#include "experiment/run_list.h"
#include "report/experiment.h"

namespace superpose::experiment {

// What the manifest is made from; by reference, for the time of a call.
struct ManifestParts {
  const Recipe& recipe;
  std::span<const Arm> arms;
  const std::vector<PlannedRun>& runs;
  const CompareOptions& options;
  const Identity& identity;
  const NoiseFindings& noise;
  // Entries of the manifest so far. One that is no longer a run of the recipe and from which others
  // branched stays, as a trunk.
  const std::vector<report::RunEntry>& earlier;
};

// Runs whose rate is not known yet are left out.
report::Experiment make_manifest(const ManifestParts& parts);

// A run that has begun stays what it began as (a branch of that run, or a run from step 0), also
// where runs were added since and the plan would now have it otherwise. `begun` are the entries
// of an earlier manifest.
void keep_begun(std::vector<PlannedRun>& runs, const std::vector<report::RunEntry>& begun);

// The name of the folder of an entry, whose path may be absolute.
std::string folder_name(const report::RunEntry& entry);

}  // namespace superpose::experiment
