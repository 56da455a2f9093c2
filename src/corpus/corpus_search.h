// What was prepared before for a recipe, by what it asks for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/sources/sources.h"

namespace superpose::corpus {

// The files that a corpus was prepared from, some of which are gone.
struct RecalledSources {
  DataConfig config;              // the recipe's, located
  std::filesystem::path folder;   // of the corpus
  std::vector<SourceFile> files;  // as they were
  bool times_are_known = false;   // of the files: then their corpus has the key that it had
  std::vector<std::string> gone;  // names
};

// Of the corpus that find_corpus finds; none where none of its files is gone, where it consists of
// token files, which are read in place, and where every entry of the recipe finds files and these
// are another corpus: new ones among them, or none that is as it was.
//
//   config    not located
//   listing   what there is now
//
// Throws util::Error naming the files where some are gone and others are changed or new.
std::optional<RecalledSources> recall_sources(const DataConfig& config,
                                              const PrepareOptions& options,
                                              const SourceListing& listing);

}  // namespace superpose::corpus
