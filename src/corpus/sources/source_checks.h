// Files among the sources that hold no text, and text files that were probably meant to be divided.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/data_config.h"
#include "corpus/sources/source_record.h"
#include "corpus/sources/sources.h"

namespace superpose::corpus {

// Sets left_out_as of the files that hold neither text nor token ids, or throws util::Error naming
// one, as config.on_binary says; `advice` ends the message. Of token files, by name or by
// config.format, only what is plainly something else is found. Opens every file.
void leave_out_binaries(std::vector<SourceFile>& sources, const DataConfig& config,
                        std::string_view advice);

// "2 files that hold no text: logo.png (a PNG image), a.zip (a zip archive)"; at most five by name.
// Empty where none is left out.
std::string describe_left_out(std::span<const SourceFile> sources);

// How many were left out.
std::int64_t count_left_out(std::span<const SourceRecord> sources);

// So large a text file in which a separator was not found once is said to the user.
inline constexpr std::int64_t kLargeFile = std::int64_t{1} << 20;

// Text files of kLargeFile bytes or more that gave one document, by name.
std::vector<std::string> find_undivided(std::span<const SourceRecord> sources);

// "data.document_separator: ... a.txt, b.txt": a warning about such files, which name the key that
// holds the separator; at most five by name.
std::string describe_undivided(std::string_view key, std::vector<std::string> names);

}  // namespace superpose::corpus
