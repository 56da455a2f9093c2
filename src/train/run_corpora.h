// The corpora of a run, prepared: what it trains on, and its validation sets.
#pragma once

#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/corpus_record.h"
#include "corpus/prepare/prepare_console.h"
#include "data/mixture.h"
#include "distributed/collective.h"
#include "train/run_config.h"

namespace superpose::train {

// The validation split of `corpus` is the set.
struct SetCorpus {
  std::string name;
  corpus::PreparedCorpus corpus;
};

struct RunCorpora {
  std::vector<data::PreparedSource> sources;  // to train on: one, or those of the mixture
  corpus::PreparedCorpus training;            // all of them as one
  std::vector<SetCorpus> validation;          // in the recipe's order
};

// Prepares them, or opens what is prepared: rank 0 first, then the others what it wrote, however
// long that takes. A training document with the content of one of any set is left out. Sets with
// sources of their own are read as [data] says, but for its include and exclude, and held out as a
// whole; where no set is what [data] holds out, nothing is held out of it. Every rank calls it.
// Throws util::Error; of a set with its name.
RunCorpora prepare_corpora(const RunConfig& config, const corpus::PrepareScreen& screen,
                           distributed::Collective& collective);

// The folders of what prepare_corpora prepares, where it is prepared: the newest for each, whatever
// became of the files since. Sets with sources of their own are called "validation NAME".
std::vector<data::FoundCorpus> find_corpora(const RunConfig& config);

// The files of the sources, as data::list_files has them, and those of sets with sources of their
// own, below "validation NAME/".
std::vector<corpus::CorpusFile> list_files(const RunCorpora& corpora);

}  // namespace superpose::train
