// What a path is that should name a checkpoint.
#include <array>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/text.h"

namespace superpose::checkpoint {
namespace {

namespace fs = std::filesystem;

// By a file, or the end of a file's name, that is in such a folder and in none above it.
struct Foreign {
  std::string_view mark;
  std::string_view is;
  std::string_view is_for_model = is;  // where any model will do
};
constexpr std::string_view kNoConfig = "is a folder of weights without a config.json";
constexpr std::array<Foreign, 8> kForeign = {{
    {util::kExperimentFile, "is the folder of a comparison: name one of its runs"},
    {util::kRecordsFile, "is a run folder without a checkpoint"},
    {util::kRecipeFile, "is a run folder without a checkpoint"},
    {util::kCorpusFile, "is a prepared corpus"},
    {".safetensors", "is a Hugging Face model folder: weights without the trainer's state",
     kNoConfig},
    {".bin", "is a folder of weights without the trainer's state", kNoConfig},
    {"config.json", "is a Hugging Face model folder without weights"},
    {"tokenizer.json", "is a tokenizer's folder"},
}};

std::string_view describe_foreign(const fs::path& folder, Wanted wanted) {
  std::vector<std::string> names;
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    names.push_back(entry.path().filename().string());
  }
  for (const Foreign& foreign : kForeign) {
    const bool is_ending = foreign.mark.starts_with('.');
    for (const std::string& name : names) {
      if (is_ending ? name.ends_with(foreign.mark) : name == foreign.mark) {
        return wanted == Wanted::kModel ? foreign.is_for_model : foreign.is;
      }
    }
  }
  return "is a folder without a checkpoint";
}

// The name that a link stands for, so that a record of it stays true when the link moves on.
fs::path followed(const fs::path& path) {
  if (!fs::is_symlink(path)) return path;
  return (path.parent_path() / fs::read_symlink(path)).lexically_normal();
}

}  // namespace

void require_no_foreign(const fs::path& checkpoints_dir, std::string_view advice) {
  const std::vector<std::string> foreign = find_foreign(checkpoints_dir);
  util::require(foreign.empty(), checkpoints_dir.string(),
                ": named like a checkpoint but not written by superpose: ",
                util::join(foreign, ", "), "; ", advice);
}

fs::path locate(const fs::path& path, Wanted wanted) {
  const bool is_model = wanted == Wanted::kModel;
  const auto refuse = [&](std::string_view is) {
    util::fail(is_model ? "model " : "checkpoint ", path.string(), ": ", is,
               "; expected a checkpoint (step-00001234)", is_model ? "," : " or",
               " the folder of a run that has one",
               is_model ? ", or a Hugging Face model folder (config.json and weights)" : "");
  };
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status)) {
    refuse(fs::is_symlink(path) ? "is a link to what is not there" : "there is no such folder");
  }
  if (!fs::is_directory(status)) refuse("is a file");
  // One whose save was not finished, too: what is wrong with it is for the check to say.
  if (fs::exists(path / kTrainerFolder)) return followed(path);
  for (const fs::path& folder : {path, path / util::kCheckpointsFolder}) {
    const std::vector<fs::path> saved = list(folder);
    if (saved.empty()) continue;
    require_no_foreign(folder, "move it, or name a checkpoint itself");
    return saved.back();
  }
  refuse(describe_foreign(path, wanted));
  return {};
}

}  // namespace superpose::checkpoint
