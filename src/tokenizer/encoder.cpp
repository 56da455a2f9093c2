#include <simdjson.h>

#include <optional>

#include "tokenizer/parts.h"
#include "tokenizer/unicode.h"
#include "tokenizer/word_cache.h"

namespace superpose::tokenizer {

struct Encoder::State {
  using Ids = std::vector<std::int32_t>;

  explicit State(const Tokenizer::Parts& of) : parts(of) {}

  void encode(std::string_view text, bool with_specials, Ids& ids);

  const Tokenizer::Parts& parts;
  std::optional<WordCache> words;  // empty where a single text is encoded

 private:
  void encode_valid(std::string_view text, bool with_specials, Ids& ids);
  void encode_normal(std::string_view text, bool with_specials, Ids& ids);
  void encode_word(std::string_view word, const char* limit, Ids& ids);
  void merge_word(std::string_view word, Ids& ids);

  PreTokenizer::Scratch pre_tokenizer_scratch_;
  Bpe::Scratch bpe_scratch_;
  std::string normal_;
};

namespace {

// Puts the ids of added tokens where they stand, and rest(text, ids) for what lies between them.
template <class Rest>
void around_tokens(const AddedTokens& tokens, std::string_view text, bool with_specials,
                   std::vector<std::int32_t>& ids, const Rest& rest) {
  std::size_t done = 0;
  if (!tokens.empty()) {
    tokens.find(text, with_specials, [&](const AddedTokens::Match& match) {
      if (done < match.begin) rest(text.substr(done, match.begin - done));
      ids.push_back(match.id);
      done = match.end;
    });
  }
  if (done < text.size()) rest(text.substr(done));
}

}  // namespace

void Encoder::State::encode(std::string_view text, bool with_specials, Ids& ids) {
  if (simdjson::validate_utf8(text)) return encode_valid(text, with_specials, ids);
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    if (valid > 0) encode_valid(text.substr(0, valid), with_specials, ids);
    text.remove_prefix(valid);
    if (text.empty()) break;
    parts.bpe.encode(text.substr(0, 1), bpe_scratch_, ids);
    text.remove_prefix(1);
  }
}

void Encoder::State::encode_valid(std::string_view text, bool with_specials, Ids& ids) {
  around_tokens(parts.raw_tokens, text, with_specials, ids, [&](std::string_view piece) {
    if (parts.nfc && !surely_nfc(piece)) {
      normal_.clear();
      append_nfc(piece, normal_);
      piece = normal_;
    }
    encode_normal(piece, with_specials, ids);
  });
}

void Encoder::State::encode_normal(std::string_view text, bool with_specials, Ids& ids) {
  around_tokens(parts.normalized_tokens, text, with_specials, ids, [&](std::string_view piece) {
    parts.pre_tokenizer.split(
        piece, pre_tokenizer_scratch_,
        [&](std::string_view word, const char* limit) { encode_word(word, limit, ids); });
  });
}

void Encoder::State::encode_word(std::string_view word, const char* limit, Ids& ids) {
  if (!words || word.size() > WordCache::kLongestWord) return merge_word(word, ids);
  const WordCache::Place place = words->place_of(word, limit);
  if (place.holds()) {
    const WordCache::Slot& slot = *place.slot;
    ids.insert(ids.end(), slot.ids.begin(), slot.ids.begin() + slot.num_ids);
    return;
  }
  const std::size_t size_before = ids.size();
  merge_word(word, ids);
  const std::size_t num_ids = ids.size() - size_before;
  if (num_ids <= WordCache::kMostIds) place.put(std::span(ids).subspan(size_before));
}

void Encoder::State::merge_word(std::string_view word, Ids& ids) {
  if (parts.ignore_merges) {
    const auto whole = parts.vocabulary.find(word);
    if (whole != parts.vocabulary.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  parts.bpe.encode(word, bpe_scratch_, ids);
}

Encoder::Encoder(const Tokenizer& tokenizer) : state_(std::make_unique<State>(*tokenizer.parts_)) {
  state_->words.emplace();
}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

void Encoder::encode(std::string_view text, SpecialText special, std::vector<std::int32_t>& ids) {
  state_->encode(text, special == SpecialText::kRecognise, ids);
}

void Tokenizer::encode(std::string_view text, SpecialText special,
                       std::vector<std::int32_t>& ids) const {
  Encoder::State(*parts_).encode(text, special == SpecialText::kRecognise, ids);
}

}  // namespace superpose::tokenizer
