// A guard against token files read at the wrong width.
#pragma once

#include <cstdint>
#include <optional>

#include "corpus/tokens/token_files.h"

namespace superpose::corpus {

// Plain numbers say nothing of their width. Throws util::Error naming the file and the format to
// set, where its first tokens show that a raw format is of another width than the file:
//
//   too narrow   all of them make ids of the vocabulary in a wider format, too: then every second
//                number, or more of them, is zero (in a large vocabulary next to zero)
//   too wide     one of them lies beyond the vocabulary, and none does in a narrower format
//
// Without a vocabulary it is taken to be as large as the largest in use. Does nothing for a format
// that says its width.
void check_token_width(const TokenFile& file, TokenFormat format,
                       std::optional<std::int64_t> vocabulary_size);

}  // namespace superpose::corpus
