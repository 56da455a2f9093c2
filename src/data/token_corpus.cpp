#include "data/token_corpus.h"

#include <algorithm>
#include <utility>

#include "data/halves.h"
#include "data/split_writer.h"
#include "data/token_shards.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStep = 1 << 20;  // tokens read at once

bool is_token_file(const fs::path& path) {
  return path.extension() == ".bin" || path.extension() == ".npy";
}

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
  std::vector<std::uint64_t> train_hashes;         // of the files
  std::vector<std::uint64_t> validation_contents;  // of the documents
};

// Hash of a document's text, as its content hash would be had it been read as text.
std::uint64_t content_of(std::span<const std::int32_t> ids,
                         const tokenizer::LoadedTokenizer& tokenizer) {
  const auto is_end = [&](std::int32_t id) { return id == tokenizer.end_of_document; };
  while (!ids.empty() && is_end(ids.back())) ids = ids.first(ids.size() - 1);
  while (!ids.empty() && is_end(ids.front())) ids = ids.subspan(1);
  return util::hash64(tokenizer.tokenizer.decode(ids));
}

void add_contents(const TokenShards& tokens, const tokenizer::LoadedTokenizer& tokenizer,
                  std::vector<std::uint64_t>& contents) {
  std::int64_t begin = 0;
  std::vector<std::int32_t> ids;
  for (const std::int64_t end : tokens.document_ends()) {
    ids.resize(static_cast<std::size_t>(end - begin));
    tokens.read(begin, ids);
    contents.push_back(content_of(ids, tokenizer));
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

SourceRecord describe_file(const PreparePlan& plan, const SourceFile& source, Totals& totals) {
  const tokenizer::LoadedTokenizer& tokenizer = plan.tokenizer;
  std::vector<TokenFile> files;
  files.push_back(open_source(source.path, plan.config.format, tokenizer.end_of_document));
  const TokenShards tokens(std::move(files), tokenizer.tokenizer.vocabulary_size());
  const bool held_out = source.held_out || plan.options.all_held_out;
  SourceRecord record{.name = source.name,
                      .path = source.path.string(),
                      .bytes = source.bytes,
                      .hash = util::hash_file(source.path),
                      .modified_ns = source.modified_ns,
                      .held_out = held_out,
                      .counts = count(tokens, tokenizer.tokenizer.bytes_per_id())};
  SplitStats& stats = held_out ? totals.validation : totals.train;
  stats.documents += record.counts.documents;
  stats.bytes += record.counts.text_bytes;
  stats.tokens += record.counts.tokens;
  if (held_out) {
    add_contents(tokens, tokenizer, totals.validation_contents);
  } else {
    totals.train_hashes.push_back(record.hash);
  }
  check_unchanged(source);
  return record;
}

void write_contents(const fs::path& folder, const std::vector<std::uint64_t>& contents) {
  const auto bytes = std::as_bytes(std::span(contents));
  util::write_file_atomic(folder / (std::string("validation") + kContentsEnding),
                          {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

bool holds_tokens(const PreparePlan& plan) {
  if (plan.config.format != TokenFormat::kAuto) return true;
  const auto is_token_source = [](const SourceFile& s) { return is_token_file(s.path); };
  const auto found = std::find_if(plan.sources.begin(), plan.sources.end(), is_token_source);
  if (found == plan.sources.end()) return false;
  const auto other = std::find_if_not(plan.sources.begin(), plan.sources.end(), is_token_source);
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
  sidecar.key = plan.keys.key;
  sidecar.tokenizer = describe(plan.tokenizer);
  sidecar.token_format = kTokenFormatNames[static_cast<std::size_t>(plan.config.format)];
  Totals totals;
  PrepareProgress progress{.num_sources = std::ssize(plan.sources)};
  for (const SourceFile& source : plan.sources) progress.num_bytes += source.bytes;
  if (callback) callback(progress);
  for (const SourceFile& source : plan.sources) {
    sidecar.sources.push_back(describe_file(plan, source, totals));
    ++progress.sources_done;
    progress.bytes_done += source.bytes;
    progress.text_bytes = totals.train.bytes + totals.validation.bytes;
    progress.documents = totals.train.documents + totals.validation.documents;
    progress.tokens = totals.train.tokens + totals.validation.tokens;
    if (callback) callback(progress);
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
  const auto format =
      std::find(kTokenFormatNames.begin(), kTokenFormatNames.end(), sidecar.token_format);
  util::require(format != kTokenFormatNames.end(), "corpus: unknown token_format ",
                sidecar.token_format);
  std::vector<TokenFile> files;
  for (const SourceRecord& source : sidecar.sources) {
    if (source.held_out != held_out) continue;
    check_unchanged({source.path, source.name, source.bytes, source.modified_ns, held_out});
    files.push_back(open_source(source.path,
                                static_cast<TokenFormat>(format - kTokenFormatNames.begin()),
                                sidecar.tokenizer.end_of_document));
  }
  return files;
}

}  // namespace superpose::data
