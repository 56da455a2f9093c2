#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "tokenizer/parts.h"
#include "tokenizer/unicode.h"
#include "tokenizer/word_cache.h"
#include "util/utf8.h"

namespace superpose::tokenizer {
namespace {

constexpr std::size_t kLongWord = std::size_t{1} << 20;

}  // namespace

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
  void encode_tail(std::string_view tail, Ids& ids);
  void merge_word(std::string_view word, Ids& ids);
  bool is_blank(std::int32_t id) const;

  // Puts the ids of added tokens where they stand, and rest(text) for what lies between them.
  template <class Rest>
  void around_tokens(const AddedTokens& tokens, std::string_view text, bool with_specials, Ids& ids,
                     const Rest& rest);

  PreTokenizer::Scratch pre_tokenizer_scratch_;
  Bpe::Scratch bpe_scratch_;
  std::string normal_;
  // Positions in the ids: behind the last added token, and of the last word.
  std::size_t behind_token_ = 0;
  std::size_t last_word_ = 0;
};

template <class Rest>
void Encoder::State::around_tokens(const AddedTokens& tokens, std::string_view text,
                                   bool with_specials, Ids& ids, const Rest& rest) {
  std::size_t done = 0;
  if (!tokens.empty()) {
    tokens.find(text, with_specials, [&](const AddedTokens::Match& match) {
      if (done < match.begin) rest(text.substr(done, match.begin - done));
      ids.push_back(match.id);
      behind_token_ = ids.size();
      done = match.end;
    });
  }
  if (done < text.size()) rest(text.substr(done));
}

void Encoder::State::encode(std::string_view text, bool with_specials, Ids& ids) {
  if (simdjson::validate_utf8(text)) return encode_valid(text, with_specials, ids);
  behind_token_ = ids.size();
  last_word_ = ids.size();
  const std::size_t valid = util::first_invalid_utf8(text);
  encode_valid(text.substr(0, valid), with_specials, ids);
  encode_tail(text.substr(valid), ids);
}

// All from the first byte that is not UTF-8 on, as tiktoken's bytes API has it: one word with the
// word before. White space that might have been part of that word goes along, token by token.
void Encoder::State::encode_tail(std::string_view tail, Ids& ids) {
  std::size_t begin = std::max(behind_token_, last_word_);
  if (begin < ids.size() && is_blank(ids[begin])) {
    while (begin > behind_token_ && is_blank(ids[begin - 1])) --begin;
  }
  std::string word;
  for (std::size_t at = begin; at < ids.size(); ++at) {
    word += parts.texts[static_cast<std::size_t>(ids[at])];
  }
  ids.resize(begin);
  word += tail;
  merge_word(word, ids);
}

bool Encoder::State::is_blank(std::int32_t id) const {
  return parts.texts[static_cast<std::size_t>(id)].find_first_not_of(" \n\t") == std::string::npos;
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
    parts.pre_tokenizer.split(piece, pre_tokenizer_scratch_,
                              [&](std::string_view word, const char* limit) {
                                last_word_ = ids.size();
                                encode_word(word, limit, ids);
                              });
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
  // The room for an exceptional word is not kept.
  if (word.size() > kLongWord) bpe_scratch_ = {};
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
