#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/data_config.h"

namespace superpose::data {

// One file of a corpus.
struct SourceFile {
  std::filesystem::path path;  // absolute
  std::string name;            // independent of where the corpus lies
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;  // modification time, since an epoch of the file system's clock
  bool held_out = false;         // named by config.validation
};

// The files that a recipe names, each once: config.sources in their order, then the distributions,
// then config.validation; the files of one entry sorted by name. A file that config.validation
// names is held out wherever else it is named.
//
//   a file           name = its last part; include and exclude do not apply
//   a folder         all regular files below it that pass include and exclude, without those whose
//                    name, or the name of a folder below, starts with a dot; name = path below it.
//                    Links are followed, each folder is walked once
//   a glob           the files that match it and pass the filters; name = path below the last
//                    folder that is spelled out
//   a distribution   the files of its RECORD inside site-packages that pass the filters; name = as
//                    in RECORD
//
// Throws util::Error: nothing named; a path that does not exist or is no file or folder; an entry
// that yields no file; a distribution that is not installed, or a file of it that is gone.
std::vector<SourceFile> list_sources(const DataConfig& config);

// Throws util::Error naming the file where it is gone, or its size or time is another.
void check_unchanged(const SourceFile& source);

}  // namespace superpose::data
