#include "corpus/corpus_search.h"

#include <set>
#include <system_error>

#include "corpus/corpus_record.h"
#include "corpus/prepare/prepare_plan.h"
#include "corpus/shards/sidecar.h"
#include "util/error.h"
#include "util/file_names.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

// `config` is located.
CorpusSearch search_cache(const DataConfig& config, const PrepareOptions& options) {
  const std::string wanted = request_key(config, options);
  CorpusSearch search;
  fs::file_time_type newest_time;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(config.cache_dir, error)) {
    const fs::path& folder = entry.path();
    const fs::path sidecar = folder / util::kCorpusFile;
    if (folder.extension() == ".partial" || !fs::exists(sidecar)) continue;
    try {
      if (read_sidecar(folder).request_key != wanted) continue;
    } catch (const util::Error& problem) {  // damaged, or of another version of the program
      search.passed_over.emplace_back(problem.what());
      continue;
    }
    const auto time = fs::last_write_time(sidecar);
    if (search.folder && time <= newest_time) continue;
    search.folder = folder;
    newest_time = time;
  }
  return search;
}

// Files that are gone may have been in either of the two folders.
std::pair<DataConfig, CorpusSearch> search_with_config(const DataConfig& config,
                                                       const PrepareOptions& options) {
  std::pair<DataConfig, CorpusSearch> found;
  for (const Fallback fallback : {Fallback::kCurrentFolder, Fallback::kRecipeFolder}) {
    found.first = locate(config, fallback);
    found.second = search_cache(found.first, options);
    if (found.second.folder) break;
  }
  return found;
}

SourceFile to_source(const SourceRecord& record) {
  return {.path = record.path,
          .name = record.name,
          .bytes = record.bytes,
          .modified_ns = record.modified_ns,
          .held_out = record.held_out,
          .left_out_as = record.left_out_as};
}

// Files of a corpus, by what became of them.
struct Changes {
  std::vector<std::string> gone;
  std::vector<std::string> changed;
  std::vector<std::string> added;
  bool keeps_any = false;
};

Changes compare(const std::vector<SourceRecord>& records, const std::vector<SourceFile>& files) {
  Changes changes;
  std::set<std::string> known;
  std::error_code error;
  for (const SourceRecord& record : records) {
    known.insert(record.path);
    if (!fs::exists(record.path, error)) {
      changes.gone.push_back(record.path);
    } else if (!is_as_recorded({record.path, record.bytes, record.hash, record.modified_ns})) {
      changes.changed.push_back(record.path);
    } else {
      changes.keeps_any = true;
    }
  }
  for (const SourceFile& file : files) {
    if (!known.contains(file.path.string())) changes.added.push_back(file.path.string());
  }
  return changes;
}

std::string part(const char* what, const std::vector<std::string>& names) {
  return names.empty() ? "" : what + name_some(names);
}

}  // namespace

CorpusSearch find_corpus(const DataConfig& config, const PrepareOptions& options) {
  return search_with_config(config, options).second;
}

std::optional<RecalledSources> recall_sources(const DataConfig& config,
                                              const PrepareOptions& options,
                                              const SourceListing& listing) {
  const auto [located, search] = search_with_config(config, options);
  if (!search.folder) return std::nullopt;
  const Sidecar sidecar = read_sidecar(*search.folder);
  if (!sidecar.token_format.empty()) return std::nullopt;
  const Changes changes = compare(sidecar.sources, listing.files);
  if (changes.gone.empty()) return std::nullopt;
  const bool others_changed = !changes.changed.empty() || !changes.added.empty();
  // Files that were renamed, replaced or all written again are the corpus that is meant now.
  const bool is_another = changes.changed.empty() ? !changes.added.empty() : !changes.keeps_any;
  if (is_another && listing.problems.empty()) return std::nullopt;
  util::require(!others_changed, "data: of the files of ", search.folder->string(),
                part(", gone since: ", changes.gone), part("; changed: ", changes.changed),
                part("; new: ", changes.added),
                ". Bring back what is gone, or remove that folder to prepare what is there now");
  RecalledSources recalled{.config = located,
                           .folder = *search.folder,
                           .files = {},
                           .times_are_known = true,
                           .gone = changes.gone};
  for (const SourceRecord& record : sidecar.sources) {
    recalled.files.push_back(to_source(record));
    recalled.times_are_known = recalled.times_are_known && record.modified_ns != 0;
  }
  return recalled;
}

}  // namespace superpose::corpus
