#include "corpus/assembly.h"

#include <algorithm>
#include <map>
#include <utility>

#include "corpus/prepare/batch_reader.h"
#include "corpus/prepare/content_set.h"
#include "corpus/shards/sidecar.h"
#include "corpus/shards/split_writer.h"
#include "corpus/tokens/held_out_parts.h"
#include "corpus/tokens/number_file.h"
#include "corpus/tokens/token_corpus.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

fs::path contents_file(const fs::path& folder, const std::string& split) {
  return folder / (split + kContentsEnding);
}

std::vector<std::uint64_t> read_contents(const fs::path& folder, const std::string& split,
                                         std::int64_t documents) {
  return read_numbers<std::uint64_t>(contents_file(folder, split), 0, documents);
}

void write_contents(const fs::path& folder, const std::string& split,
                    const std::vector<std::uint64_t>& contents) {
  const auto bytes = std::as_bytes(std::span(contents));
  util::write_file_atomic(contents_file(folder, split),
                          {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void link_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return;
  fs::copy_file(from, to, error);
  util::require(!error, to.string(), ": cannot copy ", from.string(), ": ", error.message());
  util::fsync_file(to);
}

void link_shards(const fs::path& from, const std::vector<ShardInfo>& shards, const fs::path& to) {
  for (const ShardInfo& shard : shards) {
    for (const char* ending : {".bin", ".idx"}) {
      link_file(from / (shard.name + ending), to / (shard.name + ending));
    }
  }
}

// Held-out files as a source's own separator cuts them: the source has copies of such parts.
void insert_parts(const PreparePlan& plan, ContentSet& contents) {
  const ReadOptions own = read_options(plan.config);
  const ReadOptions held_out = plan.options.held_out_reading.value_or(own);
  if (own.document_separator == held_out.document_separator) return;
  ReadOptions reading = held_out;
  reading.document_separator = own.document_separator;
  const DocumentRules rules(0, plan.config, plan.options);
  std::string text;
  DocumentCounts uncounted;
  for (const SourceFile& source : plan.sources) {
    if (!source.held_out || !source.left_out_as.empty()) continue;
    const auto reader = open_documents(source.path, reading);
    while (reader->next(text)) {
      if (const auto content = rules.content_of(text, uncounted)) contents.insert(*content);
    }
  }
}

// Leaves documents out of the training part, by their content.
class TrainingDocuments {
 public:
  TrainingDocuments(const fs::path& folder, const Sidecar& part, const PreparePlan& plan)
      : folder_(folder),
        split_(part.train),
        contents_(read_contents(folder, "train", part.train.stats.documents)),
        plan_(plan) {}

  void leave_out(const ContentSet& contents) {
    std::vector<std::uint64_t> kept;
    auto content = contents_.begin();
    for (ShardInfo& shard : split_.shards) {
      const auto end = content + shard.documents;
      if (std::none_of(content, end, [&](std::uint64_t c) { return contents.contains(c); })) {
        kept.insert(kept.end(), content, end);
      } else {
        leave_out(contents, {content, end}, content - contents_.begin(), shard, kept);
      }
      content = end;
    }
    contents_ = std::move(kept);
  }

  const SidecarSplit& split() const { return split_; }
  const std::vector<std::uint64_t>& contents() const { return contents_; }
  const LeftOutDocuments& left_out() const { return left_out_; }

 private:
  void leave_out(const ContentSet& contents, std::span<const std::uint64_t> documents,
                 std::int64_t first_document, ShardInfo& shard, std::vector<std::uint64_t>& kept) {
    const tokenizer::Tokenizer& tokenizer = plan_.tokenizer->tokenizer;
    const TokenShards tokens({folder_ / shard.name}, tokenizer.vocabulary_size());
    const std::vector<TokenRange> before = std::exchange(shard.left_out_at, {});
    auto range = before.begin();
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < documents.size(); ++i) {
      const std::int64_t end = tokens.document_ends()[i];
      // What is left of the document, where its end is held out.
      TokenRange text{begin, end - begin};
      std::int64_t bytes = 0;
      const auto own = range;
      for (; range != before.end() && range->first < end; ++range) {
        text.count -= range->count;
        bytes -= text_bytes(tokens, *range, tokenizer.bytes_per_id());
      }
      if (contents.contains(documents[i])) {
        bytes += text_bytes(tokens, {begin, end - begin}, tokenizer.bytes_per_id());
        take(first_document + static_cast<std::int64_t>(i), text.count, bytes);
        shard.left_out_at.push_back({begin, end - begin});
      } else {
        kept.push_back(documents[i]);
        shard.left_out_at.insert(shard.left_out_at.end(), own, range);
      }
      begin = end;
    }
  }

  void take(std::int64_t document, std::int64_t tokens, std::int64_t bytes) {
    left_out_.documents.push_back(document);
    left_out_.tokens += tokens;
    left_out_.bytes += bytes;
    --split_.stats.documents;
    split_.stats.tokens -= tokens;
    split_.stats.bytes -= bytes;
  }

  fs::path folder_;
  SidecarSplit split_;
  std::vector<std::uint64_t> contents_;
  const PreparePlan& plan_;
  LeftOutDocuments left_out_;
};

// The records of both parts, in the order of the plan.
std::vector<SourceRecord> join_records(const PreparePlan& plan, const Sidecar& training,
                                       const Sidecar& held_out) {
  std::map<std::string, SourceRecord> records;
  for (const Sidecar* part : {&training, &held_out}) {
    for (const SourceRecord& record : part->sources) records.emplace(record.path, record);
  }
  std::vector<SourceRecord> joined;
  for (const SourceFile& source : plan.sources) joined.push_back(records[source.path.string()]);
  return joined;
}

}  // namespace

bool is_assembled(const PreparePlan& plan) {
  const bool has_parts = !plan.config.validation.empty() || !plan.options.left_out.empty();
  return has_parts && !holds_tokens(plan);
}

void assemble(const PreparePlan& plan, const fs::path& training,
              const std::optional<fs::path>& held_out, const fs::path& folder) {
  const fs::path& held_out_folder = held_out ? *held_out : training;
  const Sidecar part = read_sidecar(training);
  const Sidecar held_out_part = read_sidecar(held_out_folder);
  const SidecarSplit& validation = held_out_part.validation;
  const auto held_out_contents =
      read_contents(held_out_folder, "validation", validation.stats.documents);

  ContentSet contents;
  for (const std::uint64_t content : plan.options.left_out) contents.insert(content);
  if (held_out) {
    for (const std::uint64_t content : held_out_contents) contents.insert(content);
    insert_parts(plan, contents);
  }
  TrainingDocuments documents(training, part, plan);
  documents.leave_out(contents);
  util::require(documents.split().stats.documents > 0,
                "data: no training document is left: each has the content of a held-out one");

  link_shards(training, documents.split().shards, folder);
  link_shards(held_out_folder, validation.shards, folder);
  write_contents(folder, "train", documents.contents());
  write_contents(folder, "validation", held_out_contents);
  Sidecar sidecar;
  sidecar.request_key = plan.request_key;
  sidecar.key = plan.keys.key;
  sidecar.tokenizer = describe(*plan.tokenizer, plan.config.special_tokens);
  sidecar.train = documents.split();
  sidecar.validation = validation;
  sidecar.left_out = documents.left_out();
  sidecar.held_out_apart = held_out_part.held_out_apart;
  sidecar.held_out_ends = held_out_part.held_out_ends;
  sidecar.validation_halves = held_out_part.validation_halves;
  set_fingerprints(sidecar, documents.contents(), held_out_contents);
  sidecar.sources = join_records(plan, part, held_out_part);
  write_sidecar(folder, sidecar, *plan.tokenizer);
}

}  // namespace superpose::corpus
