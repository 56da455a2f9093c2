// Checkpoint folders: save, verify, open, prune, and the link to the newest one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/hugging_face.h"
#include "checkpoint/model_files.h"
#include "checkpoint/optimizer_state.h"
#include "util/json.h"

namespace superpose::checkpoint {

// A checkpoint is a folder "step-00001234" that AutoModelForCausalLM.from_pretrained opens as it
// is, with all that training needs to resume in trainer/ (docs/formats/checkpoint.md):
//
//   config.json  generation_config.json  model.safetensors
//   tokenizer.json  tokenizer_config.json
//   trainer/optimizer.safetensors  trainer/state.json  trainer/corpus.json
//   trainer/manifest.json   size and XXH3 of every file above, written last
//   trainer/pinned          only while pinned; not in the manifest
//
// Next to the folders, "latest" is a link to the newest one.
//
// One process (rank 0) writes to a checkpoints folder at a time.
inline constexpr int kManifestSchema = 1;

// What goes into a checkpoint. Tensors are read from where they are.
struct Contents {
  std::vector<NamedTensor> model;  // Hugging Face names; a tied lm_head.weight is left out
  HuggingFaceModel config;
  std::string tokenizer_json;         // empty: no such file
  std::string tokenizer_config_json;  // empty: no such file
  std::vector<StateRange> optimizer;
  std::string corpus_json;  // trainer/corpus.json; empty: no such file
  util::Json state;         // trainer/state.json; the trainer's own, with its own schema number
  std::uint64_t max_shard_bytes = kMaxShardBytes;
};

// Bytes a checkpoint of these contents takes on disk, rounded up by a small allowance.
std::uint64_t estimate_bytes(const Contents& contents);

// "step-00001234"
std::string folder_name(std::int64_t step);

// Writes <checkpoints_dir>/step-%08d under a temporary name, flushes it, renames it; an earlier
// checkpoint of that step is replaced (and its pin kept) once the new one is whole, anything else
// of that name refused. First removes what a killed process left behind. Returns the folder's path.
// Throws util::Error that names the checkpoint, the space that it needs and the space that is free
// when the disk is, or runs, full; earlier checkpoints are untouched and the temporary folder is
// removed then.
std::filesystem::path save(const std::filesystem::path& checkpoints_dir, std::int64_t step,
                           const Contents& contents);

enum class Check {
  kSizes,   // every file is there with its size: cheap
  kHashes,  // and its content has the recorded XXH3: reads everything once
};

// Throws util::Error that names the folder and the file at fault, unless the folder has a valid
// manifest of a schema known here and every file is as the manifest says.
void verify(const std::filesystem::path& folder, Check check = Check::kHashes);

struct Loaded {
  std::filesystem::path path;
  std::int64_t step = 0;
  // XXH3-64 of model.safetensors as the manifest has it, in hexadecimal; of a model in several
  // files, of their lines "<name> <xxh3>\n" in order of name.
  std::string weights_hash;
  HuggingFaceModel config;
  util::Json state;
  ModelFiles model;
  OptimizerState optimizer;
};

// The checkpoint that a path names: the folder itself, or the newest finished save of a run folder
// or of a folder of checkpoints. A link is followed to the folder's own name. Throws util::Error
// that says what the path is where it is none of these, and for a folder that holds others' entries
// (require_no_foreign). Does not verify. `wanted` is for the errors: kModel where the caller takes
// a Hugging Face folder as well, and has found no config.json.
enum class Wanted { kCheckpoint, kModel };
std::filesystem::path locate(const std::filesystem::path& path,
                             Wanted wanted = Wanted::kCheckpoint);

// Verifies and opens; weights are read from the mapped files as they are asked for.
Loaded open(const std::filesystem::path& folder, Check check = Check::kHashes);

// The newest checkpoint that passes the check. `on_refused(folder, why)` hears of each newer one
// that does not. Nothing where there is none; a folder that does not exist has none.
using RefusalCallback = std::function<void(const std::filesystem::path&, const std::string&)>;
std::optional<std::filesystem::path> latest_valid(const std::filesystem::path& checkpoints_dir,
                                                  const RefusalCallback& on_refused,
                                                  Check check = Check::kHashes);

// Folders of finished saves, oldest first; not verified.
std::vector<std::filesystem::path> list(const std::filesystem::path& checkpoints_dir);

// The step in the name of a folder that list() gives.
std::int64_t step_of(const std::filesystem::path& checkpoint);

// Names of entries that are called like a checkpoint of that folder and are not one: what is not a
// folder with a manifest was never saved here. save() and prune() leave them alone.
std::vector<std::string> find_foreign(const std::filesystem::path& checkpoints_dir);

// Throws util::Error that names them, with `advice` at its end: the newest checkpoint of such a
// folder is not known.
void require_no_foreign(const std::filesystem::path& checkpoints_dir, std::string_view advice);

// Keeps the newest `keep` (>= 1) checkpoints that are whole by Check::kSizes and not pinned;
// removes older ones, whole or not, unless pinned or something lies in them that was not saved with
// them. Returns what was removed. No half-removed folder is ever seen under its final name.
std::vector<std::filesystem::path> prune(const std::filesystem::path& checkpoints_dir,
                                         std::int64_t keep);

// Makes <checkpoints_dir>/latest a link to the newest whole checkpoint, in one rename; removes it
// where there is none. Returns why that could not be done: a file system without links, or
// something else of that name.
inline constexpr char kLatestLink[] = "latest";
std::optional<std::string> link_latest(const std::filesystem::path& checkpoints_dir);

// A pinned checkpoint is exempt from prune and does not count towards its `keep`.
void set_pinned(const std::filesystem::path& folder, bool pinned);
bool is_pinned(const std::filesystem::path& folder);

// Removes temporary folders whose process no longer lives. Returns what was removed.
std::vector<std::filesystem::path> remove_stale(const std::filesystem::path& checkpoints_dir);

}  // namespace superpose::checkpoint
