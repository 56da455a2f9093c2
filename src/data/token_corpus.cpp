#include "data/token_corpus.h"

#include <algorithm>
#include <utility>

#include "data/content_set.h"
#include "data/file_ending.h"
#include "data/halves.h"
#include "data/split_writer.h"
#include "data/token_cut.h"
#include "data/token_shards.h"
#include "data/token_width.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStep = 1 << 20;  // tokens read at once

void check_settings(const PreparePlan& plan) {
  const DataConfig& config = plan.config;
  constexpr const char* kWhy = ": token files are read in place, as they are; ";
  util::require(
      !config.validation.empty() || plan.options.all_held_out || plan.options.none_held_out,
      "data.validation", kWhy, "name the files that are held out");
  util::require(!config.deduplicate, "data.deduplicate", kWhy, "it needs text");
  util::require(config.min_document_bytes == 0, "data.min_document_bytes", kWhy, "it needs text");
  util::require(config.max_document_bytes == 0, "data.max_document_bytes", kWhy, "it needs text");
}

TokenFile open_source(const fs::path& path, TokenFormat format, std::int64_t end_of_document) {
  return open_token_file(path, {.format = format, .end_of_document = end_of_document});
}

// What is gathered over the files.
struct Totals {
  SplitStats train;
  SplitStats validation;
  std::vector<std::uint64_t> train_hashes;         // of the files, and what is left out of each
  std::vector<std::uint64_t> validation_contents;  // of the documents
};

// The document without the tokens that end documents, at both ends.
TokenRange without_markers(const TokenShards& tokens, TokenRange document, std::int64_t marker) {
  const auto is_marker = [&](std::int64_t position) {
    std::int32_t id = 0;
    tokens.read(position, std::span(&id, 1));
    return id == marker;
  };
  while (document.count > 0 && is_marker(document.first + document.count - 1)) --document.count;
  while (document.count > 0 && is_marker(document.first)) {
    ++document.first;
    --document.count;
  }
  return document;
}

// Hash of a document's text, as its content hash would be had it been read as text. In parts: a
// file without marks is one document.
std::uint64_t content_of(const TokenShards& tokens, const TokenRange& document,
                         const tokenizer::LoadedTokenizer& tokenizer) {
  const TokenRange text = without_markers(tokens, document, tokenizer.end_of_document);
  util::Hasher hasher;
  std::vector<std::int32_t> ids;
  for (std::int64_t done = 0; done < text.count; done += std::ssize(ids)) {
    ids.resize(static_cast<std::size_t>(std::min(kStep, text.count - done)));
    tokens.read(text.first + done, ids);
    hasher.update(tokenizer.tokenizer.decode(ids));
  }
  return hasher.digest64();
}

// Calls visit(range, content) for each document.
template <class Visit>
void for_each_content(const TokenShards& tokens, const tokenizer::LoadedTokenizer& tokenizer,
                      const Visit& visit) {
  std::int64_t begin = 0;
  for (const std::int64_t end : tokens.document_ends()) {
    const TokenRange document{begin, end - begin};
    visit(document, content_of(tokens, document, tokenizer));
    begin = end;
  }
}

DocumentCounts count(const TokenShards& tokens, std::span<const std::int32_t> bytes_per_id) {
  DocumentCounts counts;
  std::vector<std::int32_t> ids(kStep);
  for (std::int64_t at = 0; at < tokens.num_tokens(); at += kStep) {
    const auto size = static_cast<std::size_t>(std::min(kStep, tokens.num_tokens() - at));
    const std::span<std::int32_t> part = std::span(ids).first(size);
    tokens.read(at, part);
    for (const std::int32_t id : part) {
      counts.text_bytes += bytes_per_id[static_cast<std::size_t>(id)];
    }
  }
  counts.tokens = tokens.num_tokens();
  counts.documents = tokens.num_documents();
  return counts;
}

// Where the documents lie that have one of these contents. Those without text have none.
std::vector<TokenRange> find_copies(const TokenShards& tokens,
                                    const tokenizer::LoadedTokenizer& tokenizer,
                                    const ContentSet& contents) {
  const std::uint64_t no_text = util::hash64(std::string_view());
  std::vector<TokenRange> found;
  for_each_content(tokens, tokenizer, [&](const TokenRange& range, std::uint64_t content) {
    if (content != no_text && contents.contains(content)) found.push_back(range);
  });
  return found;
}

// Without its documents.
SourceRecord record_of(const SourceFile& source) {
  return {.name = source.name,
          .path = source.path.string(),
          .bytes = source.bytes,
          .hash = util::hash_file(source.path),
          .modified_ns = source.modified_ns,
          .left_out_as = source.left_out_as,
          .counts = {}};
}

class Description {
 public:
  explicit Description(const PreparePlan& plan) : plan_(plan) {
    for (const std::uint64_t content : plan.options.left_out) left_out_.insert(content);
  }

  // Of a file that is held out; all of these come first.
  SourceRecord add_held_out(const SourceFile& source) {
    const TokenShards tokens = open(source, {});
    for_each_content(tokens, plan_.tokenizer, [&](const TokenRange&, std::uint64_t content) {
      totals_.validation_contents.push_back(content);
      left_out_.insert(content);
    });
    SourceRecord record = describe(source, tokens);
    record.held_out = true;
    add(record.counts, totals_.validation);
    return record;
  }

  SourceRecord add_training(const SourceFile& source) {
    TokenShards tokens = open(source, {});
    std::vector<TokenRange> copies;
    if (left_out_.size() > 0) copies = find_copies(tokens, plan_.tokenizer, left_out_);
    if (!copies.empty()) tokens = open(source, copies);
    SourceRecord record = describe(source, tokens);
    record.counts.left_out = std::ssize(copies);
    totals_.train_hashes.push_back(record.hash);
    for (const FileRecord& file : record.beside) totals_.train_hashes.push_back(file.hash);
    for (const TokenRange& range : copies) {
      totals_.train_hashes.push_back(static_cast<std::uint64_t>(range.first));
      totals_.train_hashes.push_back(static_cast<std::uint64_t>(range.count));
    }
    record.left_out_at = std::move(copies);
    add(record.counts, totals_.train);
    return record;
  }

  const Totals& totals() const { return totals_; }

 private:
  TokenShards open(const SourceFile& source, std::span<const TokenRange> left_out) const {
    std::vector<TokenFile> files;
    files.push_back(open_source(source.path, plan_.config.format, plan_.tokenizer.end_of_document));
    check_token_width(files.back(), plan_.config.format,
                      plan_.tokenizer.tokenizer.vocabulary_size());
    cut_out(files.back(), left_out);
    return {std::move(files), plan_.tokenizer.tokenizer.vocabulary_size()};
  }

  SourceRecord describe(const SourceFile& source, const TokenShards& tokens) const {
    SourceRecord record = record_of(source);
    record.counts = count(tokens, plan_.tokenizer.tokenizer.bytes_per_id());
    for (const FileState& file : source.beside) {
      record.beside.push_back(
          {file.path.string(), file.bytes, util::hash_file(file.path), file.modified_ns});
    }
    check_unchanged(source);
    return record;
  }

  static void add(const DocumentCounts& counts, SplitStats& stats) {
    stats.documents += counts.documents;
    stats.bytes += counts.text_bytes;
    stats.tokens += counts.tokens;
  }

  const PreparePlan& plan_;
  Totals totals_;
  ContentSet left_out_;
};

// A file that was only touched since is as good as before.
void check_recorded(const FileRecord& file) {
  const FileState now = state_of(file.path);
  if (now.bytes == file.bytes && now.modified_ns == file.modified_ns) return;
  util::require(now.bytes == file.bytes && util::hash_file(file.path) == file.hash,
                "data: ", file.path, ": changed since the corpus was prepared; prepare it again");
}

void write_contents(const fs::path& folder, const std::vector<std::uint64_t>& contents) {
  const auto bytes = std::as_bytes(std::span(contents));
  util::write_file_atomic(folder / (std::string("validation") + kContentsEnding),
                          {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

bool holds_tokens(const PreparePlan& plan) {
  if (plan.config.format != TokenFormat::kAuto) return true;
  const auto is_read = [](const SourceFile& s) { return s.left_out_as.empty(); };
  const auto is_tokens = [&](const SourceFile& s) {
    return is_read(s) && has_token_ending(s.path);
  };
  const auto is_text = [&](const SourceFile& s) { return is_read(s) && !has_token_ending(s.path); };
  const auto found = std::find_if(plan.sources.begin(), plan.sources.end(), is_tokens);
  if (found == plan.sources.end()) return false;
  const auto other = std::find_if(plan.sources.begin(), plan.sources.end(), is_text);
  util::require(other == plan.sources.end(),
                "data.sources: token files and text cannot be one corpus, got ",
                found->path.string(), " and ",
                other == plan.sources.end() ? std::string() : other->path.string());
  return true;
}

void describe_tokens(const PreparePlan& plan, const fs::path& folder,
                     const PrepareCallback& callback) {
  check_settings(plan);
  Sidecar sidecar;
  sidecar.request_key = request_key(plan.config, plan.options);
  sidecar.key = plan.keys.key;
  sidecar.tokenizer = describe(plan.tokenizer);
  sidecar.token_format = kTokenFormatNames[static_cast<std::size_t>(plan.config.format)];
  sidecar.sources.resize(plan.sources.size());
  Description description(plan);
  const Totals& totals = description.totals();
  PrepareProgress progress{.num_sources = std::ssize(plan.sources)};
  for (const SourceFile& source : plan.sources) progress.num_bytes += source.bytes;
  if (callback) callback(progress);
  for (const bool held_out : {true, false}) {
    for (std::size_t i = 0; i < plan.sources.size(); ++i) {
      const SourceFile& source = plan.sources[i];
      if ((source.held_out || plan.options.all_held_out) != held_out) continue;
      if (!source.left_out_as.empty()) {
        sidecar.sources[i] = record_of(source);
      } else {
        sidecar.sources[i] =
            held_out ? description.add_held_out(source) : description.add_training(source);
      }
      ++progress.sources_done;
      progress.bytes_done += source.bytes;
      progress.text_bytes = totals.train.bytes + totals.validation.bytes;
      progress.documents = totals.train.documents + totals.validation.documents;
      progress.tokens = totals.train.tokens + totals.validation.tokens;
      if (callback) callback(progress);
    }
  }
  sidecar.validation_halves = draw_halves(totals.validation_contents);
  sidecar.train = {.stats = totals.train,
                   .fingerprint = fingerprint_of(totals.train_hashes, "", sidecar.tokenizer),
                   .shards = {}};
  sidecar.validation = {.stats = totals.validation,
                        .fingerprint = fingerprint_of(totals.validation_contents,
                                                      sidecar.validation_halves, sidecar.tokenizer),
                        .shards = {}};
  write_contents(folder, totals.validation_contents);
  write_sidecar(folder, sidecar, plan.tokenizer);
}

std::vector<TokenFile> open_sources(const Sidecar& sidecar, bool held_out) {
  const std::optional<TokenFormat> format = token_format_of(sidecar.token_format);
  util::require(format.has_value(), "corpus: unknown token_format ", sidecar.token_format);
  std::vector<TokenFile> files;
  for (const SourceRecord& source : sidecar.sources) {
    if (source.held_out != held_out || !source.left_out_as.empty()) continue;
    check_recorded({source.path, source.bytes, source.hash, source.modified_ns});
    for (const FileRecord& file : source.beside) check_recorded(file);
    files.push_back(open_source(source.path, *format, sidecar.tokenizer.end_of_document));
    cut_out(files.back(), source.left_out_at);
  }
  return files;
}

}  // namespace superpose::data
