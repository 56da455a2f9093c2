#include "data/corpus_builder.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "data/batch_pipeline.h"
#include "data/document_encoder.h"
#include "data/halves.h"
#include "data/number_file.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json_fields.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

// Below so many documents a share drawn by document is far from the one asked for.
constexpr std::int64_t kFewDocuments = 100;

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
  if (config.threads > 0) return static_cast<std::size_t>(config.threads);
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

void check_held_out_share(const SplitStats& train, const SplitStats& validation) {
  const double share = held_out_share(train, validation);
  const std::int64_t documents = train.documents + validation.documents;
  util::require(share >= kLeastHeldOut && share <= kLargestHeldOut,
                "data: held-out share must lie in 0.2-10 % of the text, got ", share * 100, " % (",
                validation.documents, " of ", documents,
                " documents): set data.validation_share, or name files in data.validation",
                documents < kFewDocuments
                    ? "; where a text file holds many documents, set data.document_separator"
                    : "");
}

CorpusBuilder::CorpusBuilder(const PreparePlan& plan, fs::path folder,
                             std::optional<PreparationJournal> journal)
    : plan_(plan),
      folder_(std::move(folder)),
      rules_(plan.config, plan.options),
      token_type_(token_type_for(plan.tokenizer.tokenizer.vocabulary_size())),
      at_(journal ? std::move(*journal) : start_of(plan)),
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
  collect_held_out();
  remember_written();
  BatchReader reader(reading(), plan_.sources, rules_, at_.place);
  BatchPipeline pipeline([&reader](DocumentBatch& batch) { return reader.next(batch); },
                         make_encoders());
  if (callback) callback(progress());
  while (const std::optional<DocumentBatch> batch = pipeline.next()) {
    add(*batch);
    if (callback) callback(progress());
  }
  write_progress();
}

BatchReader::Reading CorpusBuilder::reading() const {
  const ReadOptions own = read_options(plan_.config);
  return {.training = own, .held_out = plan_.options.held_out_reading.value_or(own)};
}

void CorpusBuilder::collect_held_out() {
  const auto [training, held_out] = reading();
  std::vector<ReadOptions> ways = {held_out};
  // A source that is cut otherwise has copies of parts.
  if (training.document_separator != held_out.document_separator) {
    ways.push_back(held_out);
    ways.back().document_separator = training.document_separator;
  }
  std::string text;
  for (const SourceFile& source : plan_.sources) {
    if (!source.held_out || !source.left_out_as.empty()) continue;
    for (const ReadOptions& way : ways) {
      const auto reader = open_documents(source.path, way);
      for (std::int64_t document = 1; reader->next(text); ++document) {
        try {
          rules_.leave_out_copies_of(text);
        } catch (const util::Error& error) {
          util::fail(source.path.string(), ": document ", document, " ", error.what());
        }
      }
    }
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
      .end_of_document = plan_.tokenizer.end_of_document,
      .type = token_type_,
  };
  std::vector<std::function<void(DocumentBatch&)>> encoders;
  for (std::size_t i = 0; i < num_threads(plan_.config); ++i) {
    encoders.push_back(
        [encoder = std::make_shared<DocumentEncoder>(plan_.tokenizer.tokenizer, options)](
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

PrepareProgress CorpusBuilder::progress() const {
  return {.sources_done = at_.place.source,
          .num_sources = std::ssize(plan_.sources),
          .bytes_done = finished_bytes_ + at_.bytes_read,
          .num_bytes = num_bytes_,
          .text_bytes = train_.stats().bytes + validation_.stats().bytes,
          .documents = train_.stats().documents + validation_.stats().documents,
          .tokens = train_.stats().tokens + validation_.stats().tokens};
}

void CorpusBuilder::check_share() const {
  const SplitStats& train = train_.stats();
  const SplitStats& validation = validation_.stats();
  util::require(train.documents + validation.documents > 0,
                "data: corpus is empty: ", sources_.size(), " files without any text");
  const PrepareOptions& options = plan_.options;
  if (!options.all_held_out && !options.none_held_out && !options.any_share) {
    check_held_out_share(train, validation);
  }
}

std::vector<std::uint64_t> CorpusBuilder::contents_of(const SplitWriter& split,
                                                      const char* name) const {
  return read_numbers<std::uint64_t>(folder_ / (std::string(name) + kContentsEnding), 0,
                                     split.stats().documents);
}

SidecarTokenizer CorpusBuilder::sidecar_tokenizer() const {
  return describe(plan_.tokenizer, plan_.config.special_tokens);
}

SidecarSplit CorpusBuilder::close(SplitWriter& split, const char* name, const std::string& halves) {
  SidecarSplit result{.stats = split.stats(), .fingerprint = "", .shards = split.finish()};
  result.fingerprint = fingerprint_of(contents_of(split, name), halves, sidecar_tokenizer());
  return result;
}

void CorpusBuilder::finish() {
  Sidecar sidecar;
  sidecar.request_key = request_key(plan_.config, plan_.options);
  sidecar.key = plan_.keys.key;
  sidecar.tokenizer = sidecar_tokenizer();
  sidecar.validation_halves = draw_halves(contents_of(validation_, "validation"));
  sidecar.train = close(train_, "train", "");
  sidecar.validation = close(validation_, "validation", sidecar.validation_halves);
  sidecar.sources = sources_;
  write_sidecar(folder_, sidecar, plan_.tokenizer);
}

}  // namespace superpose::data
