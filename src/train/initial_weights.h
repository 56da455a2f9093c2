// Weights that a run begins with: those of a Hugging Face model folder (model.init_from).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/hugging_face.h"
#include "distributed/collective.h"
#include "model/flat_parameters.h"
#include "model/model_config.h"
#include "train/run_config.h"

namespace superpose::train {

struct InitialWeights {
  std::filesystem::path folder;
  checkpoint::HuggingFaceModel model;
  std::string tokenizer_json;  // empty: the folder has none
};

// What model.init_from names; nothing where it is empty. Rank 0 reads the folder, every rank gets
// the answer. Where the folder is gone and `checkpoints` holds one of the run's own, that one says
// the shape: a resume needs no more. Throws util::Error where it is not the folder of a model that
// can be trained.
std::optional<InitialWeights> find_initial_weights(const std::string& folder,
                                                   const std::filesystem::path& checkpoints,
                                                   distributed::Collective& collective);

// XXH3-64 of model.safetensors, in hexadecimal; of a model in several files, of their lines
// "<name> <xxh3>\n" in order of name, as checkpoint::Loaded has it. Rank 0 reads all of them.
std::string hash_of(const InitialWeights& weights, distributed::Collective& collective);

// The recipe with the folder's shape in what it leaves open, and, where it names no tokenizer, the
// folder's. Throws util::Error that lists the keys in which it contradicts the folder, and for a
// preset.
RunConfig with_initial_weights(const RunConfig& recipe, const InitialWeights& weights);

// Throws util::Error where the tokenizer of the corpus, which may be another file, does not give
// the ids that the weights know, or more ids than there are rows. Returns a warning, or nothing,
// where that cannot be checked.
std::optional<std::string> check_tokenizer(const InitialWeights& weights,
                                           const std::string& tokenizer_json,
                                           std::int64_t vocabulary_size);

// Fills the weights: rank 0 reads the folder, the others get them from there. Throws util::Error
// that names the tensor, as ModelFiles::require_exactly does, and for a value that is not finite.
void load_initial_weights(const InitialWeights& weights, const model::ModelConfig& resolved,
                          model::FlatParameters& parameters, distributed::Collective& collective);

}  // namespace superpose::train
