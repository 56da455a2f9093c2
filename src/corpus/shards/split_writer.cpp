#include "corpus/shards/split_writer.h"

#include "corpus/tokens/number_file.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

util::AppendFile open_beside(const fs::path& folder, const std::string& name,
                             std::int64_t documents) {
  return {folder / name, static_cast<std::uint64_t>(documents) * 8};
}

}  // namespace

SplitWriter::SplitWriter(const fs::path& folder, const std::string& name, const ShardLimits& limits,
                         const SplitProgress& progress)
    : token_bytes_(static_cast<std::int64_t>(token_bytes(limits.type))),
      stats_(progress.stats),
      shards_(folder, name, limits),
      contents_(open_beside(folder, name + kContentsEnding, progress.stats.documents)),
      lengths_(open_beside(folder, name + kLengthsEnding, progress.stats.documents)) {
  const std::int64_t open = progress.shards.open_documents;
  const auto lengths =
      read_numbers<std::int64_t>(lengths_.path(), progress.stats.documents - open, open);
  shards_.resume(progress.shards, lengths);
}

void SplitWriter::write(const Document& document) {
  const std::int64_t tokens = std::ssize(document.tokens) / token_bytes_;
  shards_.append(document.tokens);
  shards_.end_document();
  contents_.append_number(document.content);
  lengths_.append_number(tokens);
  ++stats_.documents;
  stats_.bytes += document.text_bytes;
  stats_.tokens += tokens;
}

SplitProgress SplitWriter::sync() {
  contents_.sync();
  lengths_.sync();
  return {.stats = stats_, .shards = shards_.sync()};
}

std::vector<ShardInfo> SplitWriter::finish() {
  contents_.close();
  lengths_.close();
  return shards_.finish();
}

}  // namespace superpose::corpus
