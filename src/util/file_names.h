// Names of the files by which the program knows a folder again.
#pragma once

namespace superpose::util {

// Of a run.
inline constexpr const char* kRecipeFile = "recipe.toml";
inline constexpr const char* kRecordsFile = "metrics.jsonl";
inline constexpr const char* kCheckpointsFolder = "checkpoints";

// Of a comparison.
inline constexpr const char* kExperimentFile = "experiment.json";

// Of a prepared corpus.
inline constexpr const char* kCorpusFile = "corpus.json";

}  // namespace superpose::util
