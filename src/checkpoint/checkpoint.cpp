#include "checkpoint/checkpoint.h"

#include "checkpoint/file_writer.h"
#include "checkpoint/manifest.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/text.h"

namespace superpose::checkpoint {
namespace {

namespace fs = std::filesystem;

// File system blocks, configurations, the manifest.
constexpr std::uint64_t kAllowanceBytes = 64 * 1024;

// Writes all but the manifest, and says what it wrote.
Manifest write_files(const fs::path& folder, const Contents& contents) {
  Manifest manifest;
  manifest.files = write_model(folder, contents.model, contents.max_shard_bytes);
  const auto put = [&](const char* name, const std::string& text) {
    manifest.files[name] = write_text(folder / name, text);
  };
  put(kConfigFile, to_config_json(contents.config));
  put(kGenerationConfigFile, to_generation_config_json(contents.config));
  if (!contents.tokenizer_json.empty()) put(kTokenizerFile, contents.tokenizer_json);
  if (!contents.tokenizer_config_json.empty()) {
    put(kTokenizerConfigFile, contents.tokenizer_config_json);
  }
  fs::create_directory(folder / kTrainerFolder);
  manifest.files[kOptimizerFile] =
      write_safetensors(folder / kOptimizerFile, to_named_tensors(contents.optimizer), {});
  put(kStateFile, contents.state.dump(2) + "\n");
  if (!contents.corpus_json.empty()) put(kCorpusFile, contents.corpus_json);
  return manifest;
}

void write_folder(const fs::path& final_path, std::int64_t step, const Contents& contents) {
  util::AtomicDirectory folder(final_path);
  Manifest manifest = write_files(folder.path(), contents);
  manifest.step = step;
  if (is_pinned(final_path)) write_text(folder.path() / kPinFile, "");
  write_manifest(folder.path(), manifest);
  folder.commit(has_manifest(final_path) ? util::Existing::kReplace : util::Existing::kRefuse);
}

std::string weights_hash(const Manifest& manifest) {
  const auto whole = manifest.files.find(kModelFile);
  if (whole != manifest.files.end()) return util::hex64(whole->second.xxh3);
  util::Hasher hasher;
  for (const auto& [name, digest] : manifest.files) {
    const bool is_shard = name.starts_with("model-") && name.ends_with(".safetensors");
    if (is_shard) hasher.update(name + " " + util::hex64(digest.xxh3) + "\n");
  }
  return util::hex64(hasher.digest64());
}

}  // namespace

std::uint64_t estimate_bytes(const Contents& contents) {
  return safetensors_size(contents.model) + safetensors_size(to_named_tensors(contents.optimizer)) +
         contents.tokenizer_json.size() + contents.tokenizer_config_json.size() +
         contents.corpus_json.size() + contents.state.dump(2).size() + kAllowanceBytes;
}

fs::path save(const fs::path& checkpoints_dir, std::int64_t step, const Contents& contents) {
  const fs::path final_path = checkpoints_dir / folder_name(step);
  const std::string who = "checkpoint " + final_path.string();
  std::error_code code;
  fs::create_directories(checkpoints_dir, code);
  util::require(!code, who, ": cannot create ", checkpoints_dir.string(), ": ", code.message());
  remove_stale(checkpoints_dir);

  const std::uint64_t needed = estimate_bytes(contents);
  const std::uint64_t free = util::free_disk_bytes(checkpoints_dir);
  util::require(free >= needed, who, " was not saved: it needs ", util::format_bytes(needed),
                " of disk space, ", util::format_bytes(free),
                " are free; earlier checkpoints are untouched");
  std::string reason;
  try {
    write_folder(final_path, step, contents);
    return final_path;
  } catch (const util::Error& error) {
    reason = error.what();
  } catch (const fs::filesystem_error& error) {
    reason = error.what();
  }
  // The temporary folder is gone by now: this is what there is without it.
  util::fail(who, " was not saved: ", reason, "; it needs ", util::format_bytes(needed),
             " of disk space, ", util::format_bytes(util::free_disk_bytes(checkpoints_dir)),
             " are free; earlier checkpoints are untouched");
}

void verify(const fs::path& folder, Check check) { read_and_verify(folder, check); }

Loaded open(const fs::path& folder, Check check) {
  const Manifest manifest = read_and_verify(folder, check);
  const std::string config = (folder / kConfigFile).string();
  const std::string state = (folder / kStateFile).string();
  return {.path = folder,
          .step = manifest.step,
          .weights_hash = weights_hash(manifest),
          .config = from_config_json(util::read_file(config), config),
          .state = util::parse_json(util::read_file(state), state),
          .model = ModelFiles(folder),
          .optimizer = OptimizerState(SafetensorsFile(folder / kOptimizerFile))};
}

}  // namespace superpose::checkpoint
