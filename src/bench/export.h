// A session's start for another program: the same weights, batches and settings.
#pragma once

#include <string>
#include <vector>

#include "bench/session.h"
#include "util/output_folder.h"

namespace superpose::bench {

inline const std::vector<std::string> kExportedFiles = {"config.json", "model.safetensors",
                                                        "batches.safetensors", "bench.json"};

// Writes (a new folder appears whole or not at all):
//
//   config.json, model.safetensors   the initial model, as Hugging Face's tools open it
//   batches.safetensors              int64 "inputs.<i>" [R, L, a] and "targets.<i>" [R, L, b] of
//                                    case i
//   bench.json                       settings(): cases, optimizer, precision, threads, micro-batch
//
// Takes the session's weights as they are. Throws util::Error naming the path.
void export_session(Session& session, const util::OutputFolder& folder);

}  // namespace superpose::bench
