#include "corpus/inspection.h"

#include <algorithm>
#include <cmath>

#include "util/error.h"

namespace superpose::corpus {
namespace {

constexpr std::int64_t kStep = 1 << 20;  // tokens read at once

}  // namespace

Inspection inspect(const TokenShards& tokens, std::span<const std::int32_t> bytes_per_id) {
  Inspection result;
  result.documents = tokens.num_documents();
  result.tokens = tokens.num_tokens();
  std::vector<std::int32_t> ids(kStep);
  for (std::int64_t at = 0; at < tokens.num_tokens(); at += kStep) {
    const auto size = static_cast<std::size_t>(std::min(kStep, tokens.num_tokens() - at));
    tokens.read(at, std::span(ids).first(size));
    for (const std::int32_t id : std::span(ids).first(size)) {
      const auto index = static_cast<std::size_t>(id);
      if (index >= result.counts.size()) result.counts.resize(index + 1);
      ++result.counts[index];
    }
  }
  for (std::size_t id = 0; id < std::min(result.counts.size(), bytes_per_id.size()); ++id) {
    result.text_bytes += result.counts[id] * bytes_per_id[id];
  }
  std::int64_t begin = 0;
  for (const std::int64_t end : tokens.document_ends()) {
    result.lengths.push_back(end - begin);
    begin = end;
  }
  std::sort(result.lengths.begin(), result.lengths.end());
  return result;
}

std::int64_t length_quantile(const Inspection& inspection, double share) {
  if (inspection.lengths.empty()) return 0;
  const auto size = static_cast<double>(inspection.lengths.size());
  const auto rank = static_cast<std::int64_t>(std::ceil(share * size)) - 1;
  return inspection.lengths[static_cast<std::size_t>(std::max<std::int64_t>(rank, 0))];
}

std::vector<std::int32_t> most_frequent(const Inspection& inspection, std::size_t count) {
  std::vector<std::int32_t> ids;
  for (std::size_t id = 0; id < inspection.counts.size(); ++id) {
    if (inspection.counts[id] > 0) ids.push_back(static_cast<std::int32_t>(id));
  }
  std::stable_sort(ids.begin(), ids.end(), [&](std::int32_t x, std::int32_t y) {
    return inspection.counts[static_cast<std::size_t>(x)] >
           inspection.counts[static_cast<std::size_t>(y)];
  });
  ids.resize(std::min(ids.size(), count));
  return ids;
}

DocumentFiles::DocumentFiles(const PreparedCorpus& corpus, bool held_out) {
  if (!held_out) left_out_ = corpus.left_out;
  std::int64_t end = 0;
  for (const SourceRecord& source : corpus.sources) {
    const std::int64_t documents = source.counts.documents;
    const std::int64_t in_validation = source.held_out ? documents : source.counts.held_out;
    const bool apart = corpus.held_out_apart && !source.held_out;
    end += held_out ? in_validation : documents - (apart ? 0 : in_validation);
    names_.push_back(source.name);
    ends_.push_back(end);
  }
  const SplitStats& split = held_out ? corpus.validation_stats : corpus.train_stats;
  if (end == split.documents + std::ssize(left_out_)) return;
  names_.clear();
  ends_.clear();
}

std::string DocumentFiles::name_of(std::int64_t document) const {
  for (const std::int64_t left_out : left_out_) document += left_out <= document ? 1 : 0;
  const auto file = std::upper_bound(ends_.begin(), ends_.end(), document) - ends_.begin();
  return file == std::ssize(names_) ? "" : names_[static_cast<std::size_t>(file)];
}

std::vector<std::int32_t> document_at(const TokenShards& tokens, std::int64_t document) {
  util::require(document >= 0 && document < tokens.num_documents(), "document: must lie in [0, ",
                tokens.num_documents(), "), got ", document);
  const auto ends = tokens.document_ends();
  const auto index = static_cast<std::size_t>(document);
  const std::int64_t begin = document == 0 ? 0 : ends[index - 1];
  std::vector<std::int32_t> ids(static_cast<std::size_t>(ends[index] - begin));
  tokens.read(begin, ids);
  return ids;
}

}  // namespace superpose::corpus
