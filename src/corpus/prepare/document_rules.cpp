#include "corpus/prepare/document_rules.h"

#include "util/error.h"
#include "util/hash.h"
#include "util/utf8.h"

namespace superpose::corpus {

DocumentRules::DocumentRules(double share, const DataConfig& config, const PrepareOptions& options)
    : share_(share), config_(config), options_(options) {}

std::optional<std::uint64_t> DocumentRules::content_of(std::string& text,
                                                       DocumentCounts& counts) const {
  if (!passes(text, counts)) return std::nullopt;
  return util::hash64(text);
}

void DocumentRules::remember(std::uint64_t content) {
  if (config_.deduplicate) written_.insert(content);
}

DocumentUse DocumentRules::decide(std::string& text, std::uint64_t& content,
                                  DocumentCounts& counts) {
  const std::optional<std::uint64_t> found = content_of(text, counts);
  if (!found) return DocumentUse::kNowhere;
  content = *found;
  if (config_.deduplicate && !written_.insert(content)) {
    ++counts.duplicates;
    return DocumentUse::kNowhere;
  }
  return is_held_out(content) ? DocumentUse::kValidation : DocumentUse::kTraining;
}

bool DocumentRules::passes(std::string& text, DocumentCounts& counts) const {
  if (text.empty()) {
    ++counts.empty;
    return false;
  }
  if (!passes_utf8(text, counts)) return false;
  const std::int64_t size = std::ssize(text);
  if (size < config_.min_document_bytes ||
      (config_.max_document_bytes > 0 && size > config_.max_document_bytes)) {
    ++counts.filtered;
    return false;
  }
  return true;
}

bool DocumentRules::passes_utf8(std::string& text, DocumentCounts& counts) const {
  const std::size_t invalid = util::first_invalid_utf8(text);
  if (invalid == text.size()) return true;
  ++counts.invalid_utf8;
  switch (config_.on_invalid_utf8) {
    case InvalidUtf8::kKeep:
      return true;
    case InvalidUtf8::kReplace:
      text = util::replace_invalid_utf8(text);
      return true;
    case InvalidUtf8::kSkip:
      return false;
    case InvalidUtf8::kError:
      break;
  }
  util::fail("is not UTF-8 at byte ", invalid,
             " of the document; set data.on_invalid_utf8 to \"keep\", \"replace\" or \"skip\" to "
             "continue");
}

bool DocumentRules::is_held_out(std::uint64_t content) const {
  if (options_.all_held_out) return true;
  return !options_.none_held_out && draw_of(content) < share_;
}

double draw_of(std::uint64_t content) { return static_cast<double>(content >> 11) * 0x1p-53; }

}  // namespace superpose::corpus
