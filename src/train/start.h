// Where a run begins: with nothing yet, at its own newest checkpoint, or at another run's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/hugging_face.h"
#include "corpus/corpus_record.h"
#include "distributed/collective.h"
#include "model/model_config.h"
#include "train/run_state.h"
#include "util/setting.h"

namespace superpose::train {

struct Start {
  enum class Kind {
    kFresh,   // new weights, step 0
    kResume,  // a checkpoint of this run
    kBranch,  // a checkpoint of another run, and its position in the same corpus
    kStage,   // a checkpoint of another run, and another corpus from its own start
  };
  Kind kind = Kind::kFresh;
  std::filesystem::path checkpoint;  // empty where fresh
  RunState state;                    // as saved; default where fresh
  corpus::CorpusRecord corpus;       // as saved; without files where the checkpoint has none
  checkpoint::HuggingFaceModel model;
  std::string tokenizer_json;         // of a branch or stage; empty: the checkpoint has none
  std::string weights_hash;           // checkpoint::Loaded has the meaning
  std::vector<std::string> warnings;  // checkpoints that were refused, and why
};

// Rank 0 looks, every rank gets the answer. The newest valid checkpoint of `checkpoints`; where
// there is none at all, what `start_from` names (checkpoint::locate), as a branch. Throws
// util::Error where checkpoints exist and none is valid.
Start find_start(const std::filesystem::path& checkpoints,
                 const std::optional<std::filesystem::path>& start_from,
                 distributed::Collective& collective);

// What a run wants to continue with.
struct StartExpectation {
  std::vector<util::Setting> settings;
  corpus::CorpusRecord corpus;
  std::string tokenizer_json;  // of the corpus; empty: token files without one
  model::ModelConfig model;    // resolved
  std::int64_t total_steps = 0;
  bool may_start_stage = false;     // another corpus than the checkpoint's begins a stage
  bool continues_schedule = false;  // a stage counts its steps on from the checkpoint's
};

// Makes the start what this run begins with. A branch from another corpus becomes a stage: its
// state keeps the optimizer's count and nothing of the data; its steps and clocks begin at 0 or,
// where it continues the schedule, are the checkpoint's. Branch and stage get a parent.
//
// Throws util::Error, listing what is at odds, a line each, and what to do, where the run may not
// continue from there: any setting that is not operational (resume), or one that decides the data's
// order (branch); another shape of the model; another corpus, naming the files that changed, or at
// a resume other validation sets; another tokenizer (stage); a schedule that is over already.
void settle_start(Start& start, const StartExpectation& expected);

// ": changed a.txt; added b.txt", from what the newest checkpoint of a run read to `now`; "" where
// it does not say. Throws util::Error for a record that cannot be read.
std::string text_changes(const std::filesystem::path& run_folder, const corpus::CorpusRecord& now);

// "resumes from <checkpoint>", "branches from ...", "new stage from ..."; empty where fresh.
std::string describe(const Start& start);

}  // namespace superpose::train
