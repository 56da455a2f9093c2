// A session's start for another program: the same weights, batches and settings.
#pragma once

#include <filesystem>

#include "bench/session.h"

namespace superpose::bench {

// Writes a new folder (it must not exist; it appears whole or not at all):
//   config.json, model.safetensors   the initial model, as Hugging Face's tools open it
//   batches.safetensors              int64 "inputs.<i>" [R, L, a] and "targets.<i>" [R, L, b] of
//   case
//                                    i
//   bench.json                       settings(): cases, optimizer, precision, threads, micro-batch
// Takes the session's weights as they are. Throws util::Error naming the path.
void export_session(Session& session, const std::filesystem::path& folder);

}  // namespace superpose::bench
