// Where documents end in token files that do not list it.
#pragma once

#include <cstdint>
#include <vector>

#include "corpus/tokens/token_files.h"

namespace superpose::corpus {

// One past the last token of each document of a file, strictly ascending to its num_tokens: as
// listed, or by a scan of all its tokens on all cores.
std::vector<std::int64_t> find_document_ends(const TokenFile& file);

}  // namespace superpose::corpus
