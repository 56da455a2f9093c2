// From the paths, globs and distributions of a recipe to the list of its files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "corpus/data_config.h"
#include "corpus/sources/source_record.h"

namespace superpose::corpus {

// A file as it lies on the disk.
struct FileState {
  std::filesystem::path path;  // absolute
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;  // modification time, since an epoch of the file system's clock
};

// One file of a corpus.
struct SourceFile {
  std::filesystem::path path;  // absolute
  std::string name;            // independent of where the corpus lies
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;  // modification time, since an epoch of the file system's clock
  bool held_out = false;         // named by config.validation
  bool is_named = false;         // by an entry of its own, not only found in a folder
  std::string left_out_as = {};  // what it is, where it is not read: "a PNG image"
  std::vector<FileState> beside = {};  // files that are read with it: Megatron's .idx
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
// Throws util::Error: nothing named; a path that does not exist or is neither file nor folder; an
// entry that yields no file; a distribution that is not installed, or a file of it that is gone.
std::vector<SourceFile> list_sources(const DataConfig& config);

// As list_sources, but an entry that cannot be listed is a problem in place of an exception.
struct SourceListing {
  std::vector<SourceFile> files;
  std::vector<std::string> problems;  // messages, in the order of the entries
};
SourceListing look_for_sources(const DataConfig& config);

// Where to look for a relative path that is in neither folder.
enum class Fallback { kCurrentFolder, kRecipeFolder };

// The config with the relative paths of what it reads (sources, validation, tokenizer) as they lead
// there from the current folder: those that only config.recipe_folder has begin with it. Throws
// util::Error naming an entry of which the two folders hold different files.
DataConfig locate(DataConfig config, Fallback fallback = Fallback::kCurrentFolder);

// Throws util::Error naming the file where it does not exist.
FileState state_of(const std::filesystem::path& path);

// Whether a file has the recorded size, and its time or else its content: one that was only touched
// since is as good as before. Throws util::Error naming it where it does not exist.
bool is_as_recorded(const FileRecord& file);

// Throws util::Error naming the file (or one read with it) where it is gone, or its size or time is
// another.
void check_unchanged(const SourceFile& source);

}  // namespace superpose::corpus
