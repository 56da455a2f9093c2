// The texts of a run, prepared: what it trains on, and its validation sets.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "distributed/collective.h"
#include "train/run_config.h"

namespace superpose::train {

// The validation split of `corpus` is the set.
struct SetCorpus {
  std::string name;
  data::PreparedCorpus corpus;
};

struct Texts {
  data::PreparedCorpus training;
  std::vector<SetCorpus> validation;  // in the recipe's order
};

// Prepares them, or opens what is prepared: rank 0 first, then the others what it wrote. A training
// document with the content of one of any set is left out. Sets with sources of their own are read
// as [data] says, but for its include and exclude, and held out as a whole; where no set is what
// [data] holds out, nothing is held out of it. `console`, which may be null, is told what takes its
// time. Every rank calls it. Throws util::Error; of a set with its name.
Texts prepare_texts(const RunConfig& config, std::ostream* console,
                    distributed::Collective& collective);

}  // namespace superpose::train
