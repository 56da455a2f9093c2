#include "data/corpus_builder.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "tokenizer/bytes.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::data {
namespace {

constexpr double kLeastShare = 0.002;
constexpr double kLargestShare = 0.1;
constexpr std::uint64_t kHalfSeed = 1;  // of the hash that draws the half; any fixed number

std::string_view text_of(const util::MappedFile& file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

util::MappedFile map_source(const SourceFile& source) {
  util::MappedFile file(source.path);
  util::require(file.size() == static_cast<std::size_t>(source.bytes),
                "data: source changed while it was read: ", source.path.string());
  return file;
}

// Calls visit(document) for each part between separators.
template <class Visit>
void for_each_document(std::string_view text, std::string_view separator, const Visit& visit) {
  while (!separator.empty()) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    visit(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  visit(text);
}

// By hash; where chance leaves a half of several documents empty, every other one in hash order.
std::vector<Half> draw_halves(const std::vector<std::uint64_t>& contents) {
  std::vector<Half> halves;
  std::vector<std::uint64_t> draws;
  for (const std::uint64_t content : contents) {
    const auto bytes = std::as_bytes(std::span(&content, 1));
    draws.push_back(util::hash64(bytes, kHalfSeed));
    halves.push_back((draws.back() >> 63) == 0 ? Half::kA : Half::kB);
  }
  const auto num_a = std::count(halves.begin(), halves.end(), Half::kA);
  if (halves.size() < 2 || (num_a > 0 && num_a < std::ssize(halves))) return halves;
  std::vector<std::size_t> order(halves.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return draws[x] < draws[y]; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    halves[order[i]] = i % 2 == 0 ? Half::kA : Half::kB;
  }
  return halves;
}

}  // namespace

double held_out_share(const SplitStats& train, const SplitStats& validation) {
  const std::int64_t total = train.bytes + validation.bytes;
  return total == 0 ? 0 : static_cast<double>(validation.bytes) / static_cast<double>(total);
}

CorpusBuilder::CorpusBuilder(const DataConfig& config, const PrepareOptions& options,
                             std::filesystem::path folder)
    : config_(config),
      options_(options),
      folder_(std::move(folder)),
      train_(folder_, "train"),
      validation_(folder_, "validation"),
      held_out_(options.left_out.begin(), options.left_out.end()) {}

void CorpusBuilder::add_all(const std::vector<SourceFile>& sources,
                            const PrepareCallback& progress) {
  PrepareProgress done{.num_sources = std::ssize(sources)};
  for (const SourceFile& source : sources) done.num_bytes += source.bytes;
  collect_held_out(sources);
  for (const SourceFile& source : sources) {
    add(source);
    ++done.sources_done;
    done.bytes_done += source.bytes;
    if (progress) progress(done);
  }
}

void CorpusBuilder::collect_held_out(const std::vector<SourceFile>& sources) {
  for (const SourceFile& source : sources) {
    if (!source.held_out) continue;
    const util::MappedFile file = map_source(source);
    for_each_document(text_of(file), config_.document_separator,
                      [&](std::string_view text) { held_out_.insert(util::hash64(text)); });
  }
}

void CorpusBuilder::add(const SourceFile& source) {
  const util::MappedFile file = map_source(source);
  SourceRecord entry{.name = source.name,
                     .path = source.path.string(),
                     .bytes = source.bytes,
                     .hash = util::hash64(file.bytes())};
  for_each_document(text_of(file), config_.document_separator, [&](std::string_view text) {
    if (text.empty()) return;
    add_document(text, source.held_out, entry);
  });
  sidecar_.sources.push_back(std::move(entry));
}

void CorpusBuilder::add_document(std::string_view text, bool held_out_source,
                                 SourceRecord& record) {
  const std::uint64_t content = util::hash64(text);
  const bool held_out = is_held_out(content, held_out_source);
  if (!held_out && held_out_.contains(content)) {
    ++sidecar_.left_out_documents;
    return;
  }
  write(held_out ? validation_ : train_, text, content);
  ++record.documents;
  record.tokens += std::ssize(text) + 1;
}

bool CorpusBuilder::is_held_out(std::uint64_t content, bool held_out_source) {
  if (options_.all_held_out) return true;
  if (!config_.validation.empty()) return held_out_source;
  const double draw = static_cast<double>(content >> 11) * 0x1p-53;  // in [0, 1)
  return draw < config_.validation_share;
}

void CorpusBuilder::write(Split& split, std::string_view text, std::uint64_t content) {
  std::array<std::uint16_t, 4096> ids;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t size = std::min(rest.size(), ids.size());
    for (std::size_t i = 0; i < size; ++i) ids[i] = static_cast<unsigned char>(rest[i]);
    split.writer.append(std::span(ids).first(size));
    rest.remove_prefix(size);
  }
  ids[0] = tokenizer::kEndOfDocument;
  split.writer.append(std::span(ids).first(1));
  split.writer.end_document();

  ++split.stats.documents;
  split.stats.bytes += std::ssize(text);
  split.stats.tokens += std::ssize(text) + 1;
  split.contents.push_back(content);
}

void CorpusBuilder::check_share() const {
  util::require(train_.stats.documents + validation_.stats.documents > 0,
                "data: corpus is empty: ", sidecar_.sources.size(), " files without any text");
  if (options_.all_held_out) return;
  const double share = held_out_share(train_.stats, validation_.stats);
  util::require(share >= kLeastShare && share <= kLargestShare,
                "data: held-out share must lie in 0.2-10 % of the text, got ", share * 100, " % (",
                validation_.stats.documents, " of ",
                train_.stats.documents + validation_.stats.documents,
                " documents): set data.validation_share, or name files in data.validation");
}

SidecarSplit CorpusBuilder::close(Split& split, const char* name,
                                  const std::vector<Half>& halves) const {
  const auto contents = std::as_bytes(std::span(split.contents));
  util::write_file_atomic(folder_ / (std::string(name) + kContentsEnding),
                          {reinterpret_cast<const char*>(contents.data()), contents.size()});
  util::Hasher hasher;
  hasher.update(contents);
  for (const Half half : halves) hasher.update(static_cast<std::uint64_t>(half));
  return {.stats = split.stats,
          .fingerprint = util::hex64(hasher.digest64()),
          .shards = split.writer.finish()};
}

Sidecar CorpusBuilder::finish() {
  check_share();
  sidecar_.vocabulary_size = tokenizer::kByteVocabulary;
  sidecar_.padded_vocabulary_size = tokenizer::kPaddedByteVocabulary;
  sidecar_.validation_halves = draw_halves(validation_.contents);
  sidecar_.train = close(train_, "train", {});
  sidecar_.validation = close(validation_, "validation", sidecar_.validation_halves);
  return std::move(sidecar_);
}

}  // namespace superpose::data
