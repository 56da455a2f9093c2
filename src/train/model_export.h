// A model folder for others: weights, configuration, tokenizer and a model card, and nothing of the
// trainer's.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "util/output_folder.h"

namespace superpose::train {

enum class ExportType { kStored, kF32, kBf16, kF16 };
inline constexpr std::array<std::string_view, 4> kExportTypeNames = {"stored", "f32", "bf16",
                                                                     "f16"};

struct ExportRequest {
  // A checkpoint, a run folder (its newest checkpoint), or a Hugging Face folder of a supported
  // architecture.
  std::filesystem::path from;
  std::filesystem::path to;
  ExportType type = ExportType::kStored;
  util::Overwrite overwrite = util::Overwrite::kOwn;
  std::string program = {};  // name and version, for the card
};

struct ExportResult {
  std::filesystem::path from;  // the folder that was read
  std::vector<std::string> files;
  std::string type;                   // "float32", "bfloat16", "float16"
  double logit_error = 0;             // see export_model
  std::vector<std::string> warnings;  // a line each
};

// Writes the folder, whole or not at all. Before it appears it is read back: every weight must be
// the rounded one bit for bit, and the logits of a fixed prompt, of length 16, may differ from
// those of the original by no more than the type's rounding explains: root mean square of the
// difference over that of the logits, `logit_error`, at most 64 roundings (0 where nothing is
// rounded).
//
// A model that is inside superposition, or without a tokenizer, is exported with a warning. Throws
// util::Error where `to` is the folder of a run or lies among its checkpoints, and one that names
// the tensor: a value that is not finite, one too large for f16, a tensor that is missing or that
// the model has no place for.
ExportResult export_model(const ExportRequest& request);

// Whether a checkpoint of ours lies inside superposition, by the records of its run; false for
// every other folder, and where the records are gone.
bool lies_inside_superposition(const std::filesystem::path& folder);

}  // namespace superpose::train
