#include "corpus/tokens/token_corpus.h"

#include <algorithm>
#include <utility>

#include "corpus/prepare/content_set.h"
#include "corpus/prepare/corpus_builder.h"
#include "corpus/shards/halves.h"
#include "corpus/shards/split_writer.h"
#include "corpus/shards/token_shards.h"
#include "corpus/streams/file_ending.h"
#include "corpus/tokens/held_out_parts.h"
#include "corpus/tokens/number_file.h"
#include "corpus/tokens/token_cut.h"
#include "corpus/tokens/token_width.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStep = 1 << 20;  // tokens read at once

void check_settings(const PreparePlan& plan) {
  const DataConfig& config = plan.config;
  constexpr const char* kWhy = ": token files are read in place, as they are; ";
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

fs::path contents_file(const fs::path& folder) {
  return folder / (std::string("validation") + kContentsEnding);
}

void write_contents(const fs::path& folder, const std::vector<std::uint64_t>& contents) {
  const auto bytes = std::as_bytes(std::span(contents));
  util::write_file_atomic(contents_file(folder),
                          {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// What is not trained on of a file, in reading order.
struct NotTrainedOn {
  std::vector<TokenRange> copies;  // documents with the content of a held-out one
  std::vector<TokenRange> held_out;

  std::vector<TokenRange> both() const {
    std::vector<TokenRange> ranges = copies;
    ranges.insert(ranges.end(), held_out.begin(), held_out.end());
    std::sort(ranges.begin(), ranges.end(),
              [](const auto& x, const auto& y) { return x.first < y.first; });
    return ranges;
  }
};

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
  Description(const PreparePlan& plan, const fs::path& folder)
      : plan_(plan), draws_(draws_documents(plan)) {
    for (const std::uint64_t content : plan.options.left_out) left_out_.insert(content);
    if (!draws_) return;
    type_ = token_type_for(plan.tokenizer->tokenizer.vocabulary_size());
    drawn_.emplace(folder, "validation",
                   ShardLimits{plan.config.shard_tokens, ShardLimits().sequence_tokens, type_},
                   SplitProgress{});
  }

  // Of a file that is held out; all of these come first.
  SourceRecord add_held_out(const SourceFile& source) {
    const TokenShards tokens = open(source, {});
    for_each_content(tokens, *plan_.tokenizer, [&](const TokenRange&, std::uint64_t content) {
      totals_.validation_contents.push_back(content);
      left_out_.insert(content);
    });
    SourceRecord record = describe(source, tokens);
    record.held_out = true;
    add(record.counts, totals_.validation);
    return record;
  }

  // Chooses what is held out of training files by data.validation_share, as CorpusBuilder does of
  // text, and what is left out of them.
  void choose(const std::vector<const SourceFile*>& sources) {
    std::vector<TokenShards> tokens;
    std::vector<std::uint64_t> contents;
    for (const SourceFile* source : sources) {
      tokens.push_back(open(*source, {}));
      not_trained_on_.push_back(draw(tokens.back(), plan_.config.validation_share, &contents));
    }
    if (!draws_) return;
    const SplitStats drawn = sum_of_held_out(tokens);
    SplitStats others;
    for (const TokenShards& file : tokens) {
      others.bytes += text_bytes(file, {0, file.num_tokens()}, bytes_per_id());
    }
    others.bytes -= drawn.bytes;
    if (are_enough(plan_, others, drawn)) return;
    const double share = drawn.documents > 0
                             ? 0
                             : share_of_lowest(std::move(contents), plan_.config.validation_share);
    holds_out_ends_ = share == 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      not_trained_on_[i] = draw(tokens[i], share, nullptr);
      if (holds_out_ends_) add_ends(tokens[i], not_trained_on_[i]);
    }
  }

  // Of the sources of choose(), in their order.
  SourceRecord add_training(const SourceFile& source) {
    const NotTrainedOn& not_trained_on = not_trained_on_[next_++];
    const std::vector<TokenRange> cut = not_trained_on.both();
    if (!not_trained_on.held_out.empty()) copy_held_out(open(source, {}), not_trained_on.held_out);
    SourceRecord record = describe(source, open(source, cut));
    record.counts.left_out = std::ssize(not_trained_on.copies);
    record.counts.held_out = drawn_ ? drawn_->stats().documents - held_out_before_ : 0;
    if (drawn_) held_out_before_ = drawn_->stats().documents;
    totals_.train_hashes.push_back(record.hash);
    for (const FileRecord& file : record.beside) totals_.train_hashes.push_back(file.hash);
    for (const TokenRange& range : cut) {
      totals_.train_hashes.push_back(static_cast<std::uint64_t>(range.first));
      totals_.train_hashes.push_back(static_cast<std::uint64_t>(range.count));
    }
    record.left_out_at = cut;
    add(record.counts, totals_.train);
    return record;
  }

  // Writes what was held out and sets all of the sidecar but its files.
  void finish(Sidecar& sidecar, const fs::path& folder) {
    sidecar.held_out_apart = draws_;
    sidecar.held_out_ends = holds_out_ends_;
    if (drawn_) {
      totals_.validation = drawn_->stats();
      sidecar.validation.shards = drawn_->finish();
      totals_.validation_contents =
          read_numbers<std::uint64_t>(contents_file(folder), 0, totals_.validation.documents);
    } else {
      write_contents(folder, totals_.validation_contents);
    }
    sidecar.validation_halves = draw_halves(totals_.validation_contents);
    sidecar.train.stats = totals_.train;
    sidecar.train.fingerprint = fingerprint_of(totals_.train_hashes, "", sidecar.tokenizer);
    sidecar.validation.stats = totals_.validation;
    sidecar.validation.fingerprint =
        fingerprint_of(totals_.validation_contents, sidecar.validation_halves, sidecar.tokenizer);
  }

  SplitStats stats() const {
    SplitStats sum = totals_.train;
    for (const SplitStats& part : {totals_.validation, drawn_ ? drawn_->stats() : SplitStats{}}) {
      sum.documents += part.documents;
      sum.bytes += part.bytes;
      sum.tokens += part.tokens;
    }
    return sum;
  }

 private:
  static bool draws_documents(const PreparePlan& plan) {
    return plan.config.validation.empty() && !plan.options.all_held_out &&
           !plan.options.none_held_out;
  }

  std::span<const std::int32_t> bytes_per_id() const {
    return plan_.tokenizer->tokenizer.bytes_per_id();
  }

  // The documents that a share draws, and the copies of held-out ones among the others. Those
  // without text are neither.
  NotTrainedOn draw(const TokenShards& tokens, double share,
                    std::vector<std::uint64_t>* contents) const {
    NotTrainedOn found;
    if (!draws_ && left_out_.size() == 0) return found;
    const std::uint64_t no_text = util::hash64(std::string_view());
    for_each_content(tokens, *plan_.tokenizer, [&](const TokenRange& range, std::uint64_t content) {
      if (content == no_text) return;
      if (contents != nullptr) contents->push_back(content);
      if (draws_ && draw_of(content) < share) {
        found.held_out.push_back(range);
      } else if (left_out_.contains(content)) {
        found.copies.push_back(range);
      }
    });
    return found;
  }

  void add_ends(const TokenShards& tokens, NotTrainedOn& file) const {
    auto copy = file.copies.begin();
    for (const DocumentEnd& end :
         find_ends(tokens, *plan_.tokenizer, plan_.config.validation_share)) {
      while (copy != file.copies.end() && copy->first + copy->count <= end.range.first) ++copy;
      const bool is_copy = copy != file.copies.end() && copy->first <= end.range.first;
      if (!is_copy) file.held_out.push_back(end.range);
    }
  }

  SplitStats sum_of_held_out(const std::vector<TokenShards>& tokens) const {
    SplitStats sum;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      for (const TokenRange& range : not_trained_on_[i].held_out) {
        ++sum.documents;
        sum.bytes += text_bytes(tokens[i], range, bytes_per_id());
      }
    }
    return sum;
  }

  void copy_held_out(const TokenShards& tokens, const std::vector<TokenRange>& ranges) {
    PartCopier copier(*plan_.tokenizer, type_, *drawn_);
    std::size_t num_ranges = 0;
    for (const NotTrainedOn& file : not_trained_on_) num_ranges += file.held_out.size();
    for (const TokenRange& range : ranges) {
      if (!holds_out_ends_) {
        copier.copy(tokens, without_markers(tokens, range, plan_.tokenizer->end_of_document));
        continue;
      }
      for (const TokenRange& piece : pieces_of(range, num_ranges == 1)) copier.copy(tokens, piece);
    }
  }

  TokenShards open(const SourceFile& source, std::span<const TokenRange> left_out) const {
    std::vector<TokenFile> files;
    files.push_back(
        open_source(source.path, plan_.config.format, plan_.tokenizer->end_of_document));
    check_token_width(files.back(), plan_.config.format,
                      plan_.tokenizer->tokenizer.vocabulary_size());
    cut_out(files.back(), left_out);
    return {std::move(files), plan_.tokenizer->tokenizer.vocabulary_size()};
  }

  SourceRecord describe(const SourceFile& source, const TokenShards& tokens) const {
    SourceRecord record = record_of(source);
    record.counts = count(tokens, bytes_per_id());
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
  bool draws_;  // by data.validation_share
  bool holds_out_ends_ = false;
  Totals totals_;
  ContentSet left_out_;
  std::vector<NotTrainedOn> not_trained_on_;  // of the training files
  std::size_t next_ = 0;
  TokenType type_ = TokenType::kU16;
  std::optional<SplitWriter> drawn_;
  std::int64_t held_out_before_ = 0;  // documents, of the files before
};

void check_recorded(const FileRecord& file) {
  util::require(is_as_recorded(file), "data: ", file.path,
                ": changed since the corpus was prepared; prepare it again");
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
  sidecar.request_key = plan.request_key;
  sidecar.key = plan.keys.key;
  sidecar.tokenizer = describe(*plan.tokenizer);
  sidecar.token_format = kTokenFormatNames[static_cast<std::size_t>(plan.config.format)];
  sidecar.sources.resize(plan.sources.size());
  Description description(plan, folder);
  PrepareProgress progress{.num_sources = std::ssize(plan.sources), .begins = true};
  for (const SourceFile& source : plan.sources) progress.num_bytes += source.bytes;
  if (callback) callback(progress);
  progress.begins = false;
  const auto add = [&](const SourceFile& source, const SourceRecord& record) {
    sidecar.sources[static_cast<std::size_t>(&source - plan.sources.data())] = record;
    ++progress.sources_done;
    progress.bytes_done += source.bytes;
    const SplitStats sum = description.stats();
    progress.text_bytes = sum.bytes;
    progress.documents = sum.documents;
    progress.tokens = sum.tokens;
    if (callback) callback(progress);
  };
  std::vector<const SourceFile*> training;
  for (const SourceFile& source : plan.sources) {
    if (!source.left_out_as.empty()) {
      add(source, record_of(source));
    } else if (source.held_out || plan.options.all_held_out) {
      add(source, description.add_held_out(source));
    } else {
      training.push_back(&source);
    }
  }
  description.choose(training);
  for (const SourceFile* source : training) add(*source, description.add_training(*source));
  description.finish(sidecar, folder);
  write_sidecar(folder, sidecar, *plan.tokenizer);
}

std::vector<TokenFile> open_in_place(const Sidecar& sidecar, bool held_out) {
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

}  // namespace superpose::corpus
