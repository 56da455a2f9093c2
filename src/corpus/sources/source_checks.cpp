#include "corpus/sources/source_checks.h"

#include <algorithm>
#include <optional>

#include "corpus/corpus_record.h"
#include "corpus/readers/document_reader.h"
#include "corpus/streams/byte_stream.h"
#include "corpus/streams/file_ending.h"
#include "util/error.h"

namespace superpose::corpus {
namespace {

std::string num_files(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " file" : " files");
}

std::optional<Unreadable> find_foreign(const SourceFile& source) {
  const std::optional<FileKind> kind = foreign_to_tokens(read_head(source.path));
  if (!kind) return std::nullopt;
  return Unreadable{kind->name, "is " + kind->name + ", not token ids"};
}

}  // namespace

void leave_out_binaries(std::vector<SourceFile>& sources, const DataConfig& config,
                        std::string_view advice) {
  if (config.on_binary == OnBinary::kKeep) return;
  for (SourceFile& source : sources) {
    const bool holds_tokens = config.format != TokenFormat::kAuto || has_token_ending(source.path);
    const std::optional<Unreadable> found =
        holds_tokens ? find_foreign(source) : find_unreadable(source.path);
    if (!found) continue;
    const bool may_leave_out = config.on_binary == OnBinary::kSkip ||
                               (config.on_binary == OnBinary::kAuto && !source.is_named);
    util::require(may_leave_out, source.path.string(), ": ", found->why, advice);
    source.left_out_as = found->what;
  }
  const bool any_left = std::any_of(sources.begin(), sources.end(),
                                    [](const SourceFile& s) { return s.left_out_as.empty(); });
  const std::string who = config.sources_key.empty() ? "" : config.sources_key + ": ";
  util::require(any_left, who, "nothing to read but ", describe_left_out(sources));
}

std::string describe_left_out(std::span<const SourceFile> sources) {
  std::vector<std::string> names;
  for (const SourceFile& source : sources) {
    if (source.left_out_as.empty()) continue;
    names.push_back(source.name + " (" + source.left_out_as + ")");
  }
  if (names.empty()) return "";
  const char* verb = names.size() == 1 ? " that holds no text: " : " that hold no text: ";
  return num_files(names.size()) + verb + name_some(names);
}

std::int64_t count_left_out(std::span<const SourceRecord> sources) {
  return std::count_if(sources.begin(), sources.end(),
                       [](const SourceRecord& s) { return !s.left_out_as.empty(); });
}

std::vector<std::string> find_undivided(std::span<const SourceRecord> sources) {
  std::vector<std::string> names;
  for (const SourceRecord& source : sources) {
    const DocumentCounts& c = source.counts;
    const std::int64_t found = c.documents + c.empty + c.filtered + c.duplicates + c.left_out;
    if (source.bytes >= kLargeFile && found == 1 && has_separators(source.path)) {
      names.push_back(source.name);
    }
  }
  return names;
}

std::string describe_undivided(std::string_view key, std::vector<std::string> names) {
  const std::size_t count = names.size();
  return std::string(key) + ": does not occur in " + num_files(count) + " of 1 MiB or more, " +
         (count == 1 ? "which is one document: " : "each of which is one document: ") +
         name_some(std::move(names));
}

}  // namespace superpose::corpus
