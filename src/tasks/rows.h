// The rows of a data set: JSON lines or Parquet, as they lie on the user's disk.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/streams/byte_stream.h"
#include "tasks/template.h"

namespace superpose::tasks {

// The files below `folder` that the first of `patterns` finds which finds any, in order of name.
// Patterns are globs (corpus::glob_matches) on paths relative to the folder; ".jsonl" at the end
// also finds .jsonl.gz, .jsonl.zst and .jsonl.xz. None where no pattern finds any. Throws
// util::Error where the folder cannot be read, and where a file lies next to its compressed copy.
std::vector<std::filesystem::path> find_files(const std::filesystem::path& folder,
                                              std::span<const std::string> patterns);

// The rows of a stream of JSON lines; blank lines are passed over. Throws util::Error
// "<name>:<line>: ..." for a line that is not a JSON object; `take` may throw too.
using TakeRow = std::function<void(const Row& row)>;
void read_json_rows(std::unique_ptr<corpus::ByteStream> bytes, const std::string& name,
                    const TakeRow& take);

// The rows of a file, whichever it is.
void read_rows(const std::filesystem::path& file, const TakeRow& take);

}  // namespace superpose::tasks
