// Corpora of files that hold token ids already: read in place, nothing tokenized.
#pragma once

#include <filesystem>
#include <vector>

#include "corpus/prepare/prepare_plan.h"
#include "corpus/shards/sidecar.h"
#include "corpus/tokens/token_files.h"

namespace superpose::corpus {

// Whether the sources hold token ids already: data.format says so, or their names do (.bin, .npy).
// Such files are read in place. Throws util::Error where only some of them are.
bool holds_tokens(const PreparePlan& plan);

// Looks at every token of the sources: counts, checks against the vocabulary, hashes. Training
// documents with the text of a held-out one, here or in the options, are left out, and what
// data.validation_share holds out is copied into shards: the sidecar says where both lie. Writes
// sidecar and content hashes into the folder, too; there are no other shards.
//
// Throws util::Error: a setting that only text can follow (duplicates, lengths); a file that does
// not fit its format; a token id that the tokenizer lacks, with file and position.
void describe_tokens(const PreparePlan& plan, const std::filesystem::path& folder,
                     const PrepareCallback& progress);

// The token files of a split, without the documents that are left out. Throws util::Error naming
// one that is no longer what the sidecar says: by size and time, and where only the time is another
// by its hash.
std::vector<TokenFile> open_in_place(const Sidecar& sidecar, bool held_out);

}  // namespace superpose::corpus
