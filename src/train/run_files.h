// What a run may write into its folder: recipe.toml and metrics.jsonl that are its own
// (docs/formats/output-folders.md). The check itself is train/run.h's check_run_folder.
#pragma once

#include "train/run.h"

namespace superpose::train {

// recipe.toml, resolved.
void write_recipe(const RunSpec& spec);

}  // namespace superpose::train
