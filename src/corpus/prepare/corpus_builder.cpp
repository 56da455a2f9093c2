#include "corpus/prepare/corpus_builder.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "corpus/prepare/batch_pipeline.h"
#include "corpus/prepare/document_encoder.h"
#include "corpus/shards/halves.h"
#include "corpus/tokens/held_out_parts.h"
#include "corpus/tokens/number_file.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json_fields.h"
#include "util/resources.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

// So many documents are a held-out split whatever their size; fewer are where their share of the
// text is usual: with less the loss is noise, with more training misses much.
constexpr std::int64_t kEnoughDocuments = 10;
constexpr double kLeastHeldOut = 0.002;
constexpr double kLargestHeldOut = 0.1;

PrepareOptions options_of(const PreparePlan& plan, const PreparationJournal& journal) {
  PrepareOptions options = plan.options;
  if (journal.holds_out_ends) options.none_held_out = true;
  return options;
}

PreparationJournal start_of(const PreparePlan& plan) {
  PreparationJournal journal;
  journal.header = plan.keys;
  return journal;
}

// The lines of sources.jsonl, of which `bytes` are good.
std::vector<SourceRecord> read_source_lines(const fs::path& path, std::int64_t bytes) {
  std::vector<SourceRecord> records;
  const std::vector<char> text = read_numbers<char>(path, 0, bytes);
  for (auto begin = text.begin(); begin != text.end();) {
    const auto end = std::find(begin, text.end(), '\n');
    const util::Json json =
        util::parse_json({&*begin, static_cast<std::size_t>(end - begin)}, path.string());
    records.push_back(util::fields_from_json<SourceRecord>(json, path.string()));
    begin = end == text.end() ? end : end + 1;
  }
  return records;
}

std::size_t num_threads(const DataConfig& config) {
  return static_cast<std::size_t>(config.threads > 0 ? config.threads : util::available_cores());
}

}  // namespace

bool are_enough(const PreparePlan& plan, const SplitStats& train, const SplitStats& validation) {
  if (plan.options.any_share) return validation.documents > 0;
  const double share = held_out_share(train, validation);
  const double largest = std::max(kLargestHeldOut, 2 * plan.config.validation_share);
  return validation.documents >= kEnoughDocuments || (share >= kLeastHeldOut && share <= largest);
}

double share_of_lowest(std::vector<std::uint64_t> contents, double share) {
  const auto count = static_cast<std::size_t>(share * static_cast<double>(contents.size()));
  if (count < 2) return 0;
  const auto last = contents.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::nth_element(contents.begin(), last, contents.end());
  return std::nextafter(draw_of(*last), 1.0);
}

CorpusBuilder::CorpusBuilder(const PreparePlan& plan, fs::path folder,
                             std::optional<PreparationJournal> journal)
    : plan_(plan),
      folder_(std::move(folder)),
      token_type_(token_type_for(plan.tokenizer->tokenizer.vocabulary_size())),
      at_(journal ? std::move(*journal) : start_of(plan)),
      options_(options_of(plan, at_)),
      rules_(at_.share > 0 ? at_.share : plan.config.validation_share, plan.config, options_),
      train_(folder_, "train",
             {plan.config.shard_tokens, ShardLimits().sequence_tokens, token_type_}, at_.train),
      validation_(folder_, "validation",
                  {plan.config.shard_tokens, ShardLimits().sequence_tokens, token_type_},
                  at_.validation),
      source_lines_(folder_ / kSourceRecordsName,
                    static_cast<std::uint64_t>(at_.source_record_bytes)),
      sources_(read_source_lines(source_lines_.path(), at_.source_record_bytes)) {
  util::require(std::ssize(sources_) == at_.place.source, (folder_ / kJournalName).string(),
                ": must be at file ", sources_.size(), ", got ", at_.place.source);
  for (const SourceFile& source : plan.sources) num_bytes_ += source.bytes;
  for (const SourceRecord& source : sources_) finished_bytes_ += source.bytes;
}

void CorpusBuilder::add_all(const PrepareCallback& callback) {
  remember_written();
  BatchReader reader(plan_.options.held_out_reading.value_or(read_options(plan_.config)),
                     plan_.sources, rules_, at_.place);
  BatchPipeline pipeline([&reader](DocumentBatch& batch) { return reader.next(batch); },
                         make_encoders());
  report(callback, /*begins=*/true);
  while (const std::optional<DocumentBatch> batch = pipeline.next()) {
    add(*batch);
    report(callback);
  }
  write_progress();
}

// Who listens may end the work by an exception: nothing that was done is lost.
void CorpusBuilder::report(const PrepareCallback& callback, bool begins) {
  if (!callback) return;
  try {
    callback(progress(begins));
  } catch (...) {
    write_progress();
    throw;
  }
}

void CorpusBuilder::remember_written() {
  if (!plan_.config.deduplicate) return;
  for (const std::uint64_t content : contents_of(train_, "train")) rules_.remember(content);
  for (const std::uint64_t content : contents_of(validation_, "validation")) {
    rules_.remember(content);
  }
}

std::vector<std::function<void(DocumentBatch&)>> CorpusBuilder::make_encoders() {
  const EncodeOptions options{
      .special = plan_.config.special_tokens == SpecialTokens::kAsText
                     ? tokenizer::SpecialText::kAsText
                     : tokenizer::SpecialText::kRecognise,
      .end_of_document = plan_.tokenizer->end_of_document,
      .type = token_type_,
  };
  std::vector<std::function<void(DocumentBatch&)>> encoders;
  for (std::size_t i = 0; i < num_threads(plan_.config); ++i) {
    encoders.push_back(
        [encoder = std::make_shared<DocumentEncoder>(plan_.tokenizer->tokenizer, options)](
            DocumentBatch& batch) { encoder->encode(batch); });
  }
  return encoders;
}

void CorpusBuilder::add(const DocumentBatch& batch) {
  at_.counts += batch.counts;
  const std::span<const std::byte> tokens(batch.tokens);
  std::size_t text_begin = 0;
  for (std::size_t i = 0; i < batch.documents.size(); ++i) {
    const BatchDocument& document = batch.documents[i];
    const std::size_t begin = batch.tokens_begin(i);
    const auto text_bytes = static_cast<std::int64_t>(document.text_end - text_begin);
    text_begin = document.text_end;
    SplitWriter& split = document.held_out ? validation_ : train_;
    split.write({.tokens = tokens.subspan(begin, document.tokens_end - begin),
                 .content = document.content,
                 .text_bytes = text_bytes});
    ++at_.counts.documents;
    at_.counts.held_out += document.held_out ? 1 : 0;
    at_.counts.text_bytes += text_bytes;
    at_.counts.tokens +=
        static_cast<std::int64_t>((document.tokens_end - begin) / token_bytes(token_type_));
  }
  at_.place.records += batch.records;
  at_.bytes_read = batch.bytes_read;
  unsaved_bytes_ += static_cast<std::int64_t>(text_begin);
  if (batch.ends_source) end_source(batch.source_hash);
  if (unsaved_bytes_ >= plan_.options.journal_bytes) write_progress();
}

void CorpusBuilder::end_source(std::uint64_t hash) {
  const SourceFile& source = plan_.sources[static_cast<std::size_t>(at_.place.source)];
  sources_.push_back({.name = source.name,
                      .path = source.path.string(),
                      .bytes = source.bytes,
                      .hash = hash,
                      .modified_ns = source.modified_ns,
                      .held_out = source.held_out,
                      .left_out_as = source.left_out_as,
                      .counts = at_.counts});
  finished_bytes_ += source.bytes;
  // File names need not be UTF-8; what is not is replaced.
  const std::string line = util::fields_to_json(sources_.back())
                               .dump(-1, ' ', false, util::Json::error_handler_t::replace) +
                           "\n";
  source_lines_.append(std::as_bytes(std::span(line)));
  at_.place = {.source = at_.place.source + 1};
  at_.counts = {};
  at_.bytes_read = 0;
}

void CorpusBuilder::write_progress() {
  source_lines_.sync();
  at_.source_record_bytes = static_cast<std::int64_t>(source_lines_.size());
  at_.train = train_.sync();
  at_.validation = validation_.sync();
  write_journal(folder_, at_);
  unsaved_bytes_ = 0;
}

PrepareProgress CorpusBuilder::progress(bool begins) const {
  return {.sources_done = at_.place.source,
          .num_sources = std::ssize(plan_.sources),
          .bytes_done = finished_bytes_ + at_.bytes_read,
          .num_bytes = num_bytes_,
          .text_bytes = train_.stats().bytes + validation_.stats().bytes,
          .documents = train_.stats().documents + validation_.stats().documents,
          .tokens = train_.stats().tokens + validation_.stats().tokens,
          .begins = begins};
}

std::optional<PreparationJournal> CorpusBuilder::find_restart() {
  const SplitStats& train = train_.stats();
  const SplitStats& validation = validation_.stats();
  util::require(train.documents + validation.documents > 0,
                "data: corpus is empty: ", sources_.size(), " files without any text");
  const bool draws = !options_.all_held_out && !options_.none_held_out && at_.share == 0;
  if (!draws || are_enough(plan_, train, validation)) return std::nullopt;
  PreparationJournal restart = start_of(plan_);
  if (validation.documents == 0) {
    restart.share = share_of_lowest(contents_of(train_, "train"), plan_.config.validation_share);
    if (restart.share > 0) return restart;
    at_.holds_out_ends = true;
    return std::nullopt;
  }
  restart.holds_out_ends = true;
  return restart;
}

std::vector<std::uint64_t> CorpusBuilder::contents_of(const SplitWriter& split,
                                                      const char* name) const {
  return read_numbers<std::uint64_t>(folder_ / (std::string(name) + kContentsEnding), 0,
                                     split.stats().documents);
}

SidecarSplit CorpusBuilder::close(SplitWriter& split) {
  return {.stats = split.stats(), .fingerprint = "", .shards = split.finish()};
}

// Cuts the ends out of the closed training shards, and out of what is counted of the files.
void CorpusBuilder::hold_out_ends(SidecarSplit& train) {
  const tokenizer::LoadedTokenizer& tokenizer = *plan_.tokenizer;
  std::vector<TokenShards> shards;
  std::vector<std::vector<DocumentEnd>> ends;
  std::size_t num_ends = 0;
  for (const ShardInfo& shard : train.shards) {
    shards.emplace_back(std::vector<fs::path>{folder_ / shard.name},
                        tokenizer.tokenizer.vocabulary_size());
    ends.push_back(find_ends(shards.back(), tokenizer, plan_.config.validation_share));
    num_ends += ends.back().size();
  }
  PartCopier copier(tokenizer, token_type_, validation_);
  auto source = sources_.begin();
  std::int64_t first_document = 0;  // of the shard
  std::int64_t source_end = source->counts.documents;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const DocumentEnd& end : ends[i]) {
      while (first_document + end.document >= source_end) {
        source_end += (++source)->counts.documents;
      }
      for (const TokenRange& piece : pieces_of(end.range, num_ends == 1)) {
        const std::int64_t bytes = copier.copy(shards[i], piece);
        for (std::int64_t* sum : {&train.stats.bytes, &source->counts.text_bytes}) *sum -= bytes;
        ++source->counts.held_out;
      }
      for (std::int64_t* sum : {&train.stats.tokens, &source->counts.tokens}) {
        *sum -= end.range.count;
      }
      train.shards[i].left_out_at.push_back(end.range);
    }
    first_document += train.shards[i].documents;
  }
}

void CorpusBuilder::finish() {
  Sidecar sidecar;
  sidecar.request_key = plan_.request_key;
  sidecar.key = plan_.keys.key;
  sidecar.tokenizer = describe(*plan_.tokenizer, plan_.config.special_tokens);
  sidecar.held_out_apart = sidecar.held_out_ends = at_.holds_out_ends;
  sidecar.train = close(train_);
  if (at_.holds_out_ends) hold_out_ends(sidecar.train);
  sidecar.validation = close(validation_);
  const auto held_out = contents_of(validation_, "validation");
  sidecar.validation_halves = draw_halves(held_out);
  set_fingerprints(sidecar, contents_of(train_, "train"), held_out);
  sidecar.sources = sources_;
  write_sidecar(folder_, sidecar, *plan_.tokenizer);
}

}  // namespace superpose::corpus
