#include "tokenizer/pre_tokenizer.h"

#include "tokenizer/unicode.h"

namespace superpose::tokenizer {
namespace {

using Kind = PreTokenizerStep::Kind;
using Match = Regex::Match;

std::optional<Match> find_text(std::string_view text, std::size_t from, std::string_view pattern) {
  const std::size_t begin = text.find(pattern, from);
  if (begin == text.npos) return {};
  return Match{begin, begin + pattern.size()};
}

std::optional<Match> find_digit(std::string_view text, std::size_t from) {
  const std::uint8_t* classes = code_point_classes();
  while (from < text.size()) {
    const CodePoint c = code_point_at(text.data() + from);
    if ((classes[c.value] & kNumber) != 0) return Match{from, from + c.size};
    from += c.size;
  }
  return {};
}

// All matches from left to right. An empty one right behind another match is passed over.
template <class Find, class Visit>
void for_each_match(std::string_view text, const Find& find, const Visit& visit) {
  std::size_t from = 0;
  std::size_t last_end = text.npos;
  while (from <= text.size()) {
    const std::optional<Match> match = find(from);
    if (!match) return;
    from = match->end;
    if (match->begin == match->end && match->end == last_end) {
      from += from < text.size() ? code_point_at(text.data() + from).size : 1;
      continue;
    }
    last_end = match->end;
    visit(*match);
  }
}

// Whether a part of the text belongs to the same piece as the part before it.
bool joins(SplitBehavior behavior, bool delimiter_before, bool delimiter) {
  switch (behavior) {
    case SplitBehavior::kMergedWithPrevious:
      return delimiter && !delimiter_before;
    case SplitBehavior::kMergedWithNext:
      return !delimiter && delimiter_before;
    case SplitBehavior::kContiguous:
      return delimiter == delimiter_before;
    default:
      return false;
  }
}

// Makes pieces of a text of its parts, matches and what lies between them, as a step asks.
template <class Visit>
class Pieces {
 public:
  Pieces(std::string_view text, const PreTokenizerStep& step, const Visit& visit)
      : text_(text), step_(step), visit_(visit) {}

  // Parts lie side by side from the beginning of the text on.
  void add(std::size_t end, bool matches) {
    const bool delimiter = matches != step_.invert;
    if (!any_ || !joins(step_.behavior, delimiter_, delimiter)) finish();
    any_ = true;
    delimiter_ = delimiter;
    end_ = end;
  }

  // Gives out the current piece.
  void finish() {
    const bool dropped = delimiter_ && step_.behavior == SplitBehavior::kRemoved;
    if (begin_ < end_ && !dropped) visit_(text_.substr(begin_, end_ - begin_));
    begin_ = end_;
  }

 private:
  std::string_view text_;
  const PreTokenizerStep& step_;
  const Visit& visit_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool any_ = false;
  bool delimiter_ = false;  // what the last part is
};

template <class Find, class Visit>
void split_by(std::string_view text, const PreTokenizerStep& step, const Find& find,
              const Visit& visit) {
  Pieces<Visit> pieces(text, step, visit);
  std::size_t done = 0;
  for_each_match(text, find, [&](const Match& match) {
    if (done < match.begin) pieces.add(match.begin, false);
    pieces.add(match.end, true);
    done = match.end;
  });
  if (done < text.size()) pieces.add(text.size(), false);
  pieces.finish();
}

}  // namespace

PreTokenizer::PreTokenizer(std::vector<PreTokenizerStep> steps, const std::string& name) {
  for (PreTokenizerStep& description : steps) {
    Step& step = steps_.emplace_back();
    if (description.kind == Kind::kSplitRegex) {
      // A scanner's words cover the text, so only the ways to join them matter.
      const bool keeps_matches =
          description.behavior == SplitBehavior::kIsolated ||
          (description.behavior == SplitBehavior::kRemoved && description.invert);
      if (keeps_matches) step.scanner = known_pattern(description.pattern);
      if (step.scanner == KnownPattern::kNone) step.regex.emplace(description.pattern, name);
    }
    step.description = std::move(description);
  }
  if (steps_.size() == 1) only_scanner_ = steps_[0].scanner;
}

void PreTokenizer::apply(std::size_t first, std::string_view text, Scratch& scratch,
                         const Visit& visit) const {
  if (text.empty()) return;
  if (first == steps_.size()) return visit(text);
  const Step& step = steps_[first];
  const auto go_on = [&](std::string_view piece) { apply(first + 1, piece, scratch, visit); };
  const auto go_on_word = [&](std::string_view word, const char*) { go_on(word); };
  switch (step.description.kind) {
    case Kind::kSplitRegex:
      if (step.scanner == KnownPattern::kGpt2) return scan<Gpt2Scanner>(text, go_on_word);
      if (step.scanner == KnownPattern::kQwen) return scan<Cl100kScanner<1>>(text, go_on_word);
      if (step.scanner == KnownPattern::kCl100k) return scan<Cl100kScanner<3>>(text, go_on_word);
      if (step.scanner == KnownPattern::kTiktokenCl100k) {
        return scan<TiktokenCl100kScanner>(text, go_on_word);
      }
      if (step.scanner == KnownPattern::kO200k) return scan<O200kScanner>(text, go_on_word);
      return split_by(
          text, step.description,
          [&](std::size_t from) { return step.regex->find(text, from, scratch.regex); }, go_on);
    case Kind::kSplitText:
      return split_by(
          text, step.description,
          [&](std::size_t from) { return find_text(text, from, step.description.pattern); }, go_on);
    case Kind::kSplitDigits:
      return split_by(
          text, step.description, [&](std::size_t from) { return find_digit(text, from); }, go_on);
    case Kind::kPrefixSpace:
      return text.starts_with(' ') ? go_on(text) : go_on(" " + std::string(text));
  }
}

}  // namespace superpose::tokenizer
