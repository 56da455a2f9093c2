// Where a run begins: nowhere yet, at its own newest checkpoint, or at another run's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/corpus_record.h"
#include "distributed/collective.h"
#include "train/run_state.h"
#include "util/setting.h"

namespace superpose::train {

struct Start {
  enum class Kind {
    kFresh,   // new weights, step 0
    kResume,  // a checkpoint of this run
    kBranch,  // a checkpoint of another run
  };
  Kind kind = Kind::kFresh;
  std::filesystem::path checkpoint;   // empty where fresh
  RunState state;                     // as saved; default where fresh
  data::CorpusRecord corpus;          // as saved; without files where the checkpoint has none
  std::vector<std::string> warnings;  // checkpoints that were refused, and why
};

// Rank 0 looks, every rank gets the answer. The newest valid checkpoint of `checkpoints`; where
// there is none at all, `start_from`. Throws util::Error where checkpoints exist and none is valid.
Start find_start(const std::filesystem::path& checkpoints,
                 const std::optional<std::filesystem::path>& start_from,
                 distributed::Collective& collective);

// What a run wants to go on with.
struct StartExpectation {
  std::vector<util::Setting> settings;
  data::CorpusRecord corpus;
  std::int64_t total_steps = 0;
};

// Throws util::Error, listing what is at odds, where the run may not go on from there: any setting
// that is not operational (resume), or one that decides weights' meaning or the data's order
// (branch); another corpus, naming the files that changed, or at a resume other validation sets;
// a schedule that is over already (branch).
void check_start(const Start& start, const StartExpectation& expected);

}  // namespace superpose::train
