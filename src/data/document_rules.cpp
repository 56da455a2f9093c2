#include "data/document_rules.h"

#include "util/error.h"
#include "util/hash.h"
#include "util/utf8.h"

namespace superpose::data {

DocumentRules::DocumentRules(const DataConfig& config, bool all_held_out)
    : config_(config), all_held_out_(all_held_out) {}

void DocumentRules::leave_out_copies_of(std::string& text) {
  DocumentCounts uncounted;
  if (passes(text, uncounted)) left_out_.insert(util::hash64(text));
}

void DocumentRules::remember(std::uint64_t content) {
  if (config_.deduplicate) written_.insert(content);
}

Fate DocumentRules::decide(std::string& text, bool held_out, std::uint64_t& content,
                           DocumentCounts& counts) {
  if (!passes(text, counts)) return Fate::kNowhere;
  content = util::hash64(text);
  const bool validates = is_held_out(content, held_out);
  if (!validates && left_out_.contains(content)) {
    ++counts.left_out;
    return Fate::kNowhere;
  }
  if (config_.deduplicate && !written_.insert(content)) {
    ++counts.duplicates;
    return Fate::kNowhere;
  }
  return validates ? Fate::kValidation : Fate::kTraining;
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
  util::fail(
      "is not UTF-8 at byte ", invalid,
      " of the document; data.on_invalid_utf8 = \"keep\", \"replace\" or \"skip\" would go on");
}

bool DocumentRules::is_held_out(std::uint64_t content, bool held_out) const {
  if (all_held_out_) return true;
  if (!config_.validation.empty()) return held_out;
  const double draw = static_cast<double>(content >> 11) * 0x1p-53;  // in [0, 1)
  return draw < config_.validation_share;
}

}  // namespace superpose::data
