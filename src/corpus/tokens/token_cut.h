// Token files without some of their tokens.
#pragma once

#include <cstdint>
#include <span>

#include "corpus/shards/token_range.h"
#include "corpus/tokens/token_files.h"

namespace superpose::corpus {

// Takes documents, or parts of them, out of what is read of a file. A document of which nothing is
// left is gone.
//
//   ranges  ascending, without overlap, none empty; each inside one document. Throws util::Error
//           naming the file where they do not lie inside it.
void cut_out(TokenFile& file, std::span<const TokenRange> ranges);

}  // namespace superpose::corpus
