#include "corpus/prepare/batch_reader.h"

#include <stop_token>
#include <utility>

#include "corpus/readers/read_options.h"
#include "util/error.h"
#include "util/hash.h"

namespace superpose::corpus {
namespace {

// Large enough that handing a batch over costs nothing compared with encoding it.
constexpr std::size_t kBatchBytes = std::size_t{1} << 20;
constexpr std::int64_t kBatchRecords = 1 << 14;

// Of a file that is left out.
class NoDocuments final : public DocumentReader {
 public:
  bool next(std::string&) override { return false; }
  std::int64_t bytes_read() const override { return 0; }
  std::int64_t bad_records() const override { return 0; }
};

}  // namespace

ReadOptions read_options(const DataConfig& config) {
  return {.document_separator =
              unescape_separator("data.document_separator", config.document_separator),
          .text_field = config.text_field,
          .on_bad_record = config.on_bad_record,
          .keeps_binary = config.on_binary == OnBinary::kKeep};
}

BatchReader::BatchReader(ReadOptions reading, std::vector<SourceFile> sources, DocumentRules& rules,
                         ReadPosition start)
    : reading_(std::move(reading)), sources_(std::move(sources)), rules_(rules), at_(start) {}

bool BatchReader::next(DocumentBatch& batch) {
  batch = {};
  if (at_.source == std::ssize(sources_)) return false;
  if (!reader_) open();
  batch.source = at_.source;
  bool is_more = true;
  while (is_more && batch.text.size() < kBatchBytes && batch.records < kBatchRecords) {
    is_more = read_document(batch);
  }
  at_.records += batch.records;
  batch.bytes_read = reader_->bytes_read();
  if (!is_more) close(batch);
  return true;
}

std::unique_ptr<DocumentReader> BatchReader::open_reader(const SourceFile& source) const {
  if (!source.left_out_as.empty()) return std::make_unique<NoDocuments>();
  return open_documents(source.path, reading_);
}

void BatchReader::open() {
  const SourceFile& source = sources_[static_cast<std::size_t>(at_.source)];
  check_unchanged(source);
  reader_ = open_reader(source);
  std::packaged_task<std::uint64_t(std::stop_token)> hash(
      [path = source.path](const std::stop_token& stop) { return util::hash_file(path, stop); });
  hash_ = hash.get_future();
  hashing_ = std::jthread(std::move(hash));
  for (std::int64_t i = 0; i < at_.records; ++i) {
    util::require(reader_->next(text_),
                  "data: source changed since it was read: ", source.path.string(), ": must have ",
                  at_.records, " documents, got ", i);
  }
}

bool BatchReader::read_document(DocumentBatch& batch) {
  if (!reader_->next(text_)) return false;
  ++batch.records;
  BatchDocument document;
  DocumentUse fate = DocumentUse::kNowhere;
  const SourceFile& source = sources_[static_cast<std::size_t>(at_.source)];
  try {
    fate = rules_.decide(text_, document.content, batch.counts);
  } catch (const util::Error& error) {
    util::fail(source.path.string(), ": document ", at_.records + batch.records, " ", error.what());
  }
  if (fate == DocumentUse::kNowhere) return true;
  if (batch.text.empty()) {
    batch.text.swap(text_);  // a huge document is not copied
  } else {
    batch.text += text_;
  }
  document.text_end = batch.text.size();
  document.held_out = fate == DocumentUse::kValidation;
  batch.documents.push_back(document);
  return true;
}

void BatchReader::close(DocumentBatch& batch) {
  const SourceFile& source = sources_[static_cast<std::size_t>(at_.source)];
  batch.ends_source = true;
  batch.counts.bad_records = reader_->bad_records();
  batch.source_hash = hash_.get();
  batch.bytes_read = source.bytes;
  reader_.reset();
  check_unchanged(source);
  at_ = {.source = at_.source + 1};
}

}  // namespace superpose::corpus
