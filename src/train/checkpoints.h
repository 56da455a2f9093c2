// A learner to and from a checkpoint folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "corpus/corpus.h"
#include "corpus/corpus_record.h"
#include "distributed/collective.h"
#include "model/model_config.h"
#include "tokenizer/model_folder.h"
#include "train/learner.h"
#include "train/run_state.h"

namespace superpose::train {

// What a checkpoint keeps of the corpus; borrowed.
struct CorpusFiles {
  const tokenizer::ModelFolder& tokenizer;
  const corpus::CorpusRecord& record;  // without files: none is written
};

// Writes <checkpoints>/step-<state.step>, with the tokenizer of the corpus next to the model. One
// rank calls it.
std::filesystem::path save_checkpoint(const std::filesystem::path& checkpoints, Learner& learner,
                                      const RunState& state, const CorpusFiles& corpus);

// In what a checkpoint's shape differs from a resolved one, a key each: "model.hidden_size
// (checkpoint 32, recipe 64)".
std::vector<std::string> model_changes(const checkpoint::HuggingFaceModel& checkpoint,
                                       const model::ModelConfig& recipe);

// Fills weights and optimizer of a model of the same shape. Rank 0 reads the folder, the others get
// it from there.
void load_checkpoint(const std::filesystem::path& folder, Learner& learner, const RunState& state,
                     distributed::Collective& collective);

}  // namespace superpose::train
