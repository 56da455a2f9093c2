#include "tokenizer/tokenizer.h"

#include <unordered_map>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/bytes.h"
#include "tokenizer/description.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/unicode.h"
#include "util/error.h"
#include "util/hash.h"

namespace superpose::tokenizer {
namespace {

// Added tokens of one kind: looked for before or after the text is normalised.
AddedTokens tokens_of(const std::vector<AddedToken>& tokens, bool normalized) {
  std::vector<AddedToken> chosen;
  for (const AddedToken& token : tokens) {
    if (token.normalized == normalized) chosen.push_back(token);
  }
  return AddedTokens(std::move(chosen));
}

// The ids of every pre-token that is a token by itself: what ignore_merges asks for.
using WholeTokens = std::unordered_map<std::string, std::int32_t>;

std::uint64_t hash_of(const Description& description) {
  util::Hasher hasher;
  const auto number = [&hasher](std::int64_t value) {
    hasher.update(static_cast<std::uint64_t>(value));
  };
  // Texts with their sizes: two ways to cut the same bytes differ.
  const auto text = [&](std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    hasher.update(value);
  };
  number(static_cast<std::int64_t>(description.vocabulary.size()));
  for (const auto& token : description.vocabulary) {
    number(token.id);
    text(token.text);
  }
  number(static_cast<std::int64_t>(description.merges.size()));
  for (const auto& merge : description.merges) {
    number(merge.left);
    number(merge.right);
  }
  number(description.ignore_merges ? 1 : 0);
  number(description.nfc ? 1 : 0);
  number(static_cast<std::int64_t>(description.steps.size()));
  for (const auto& step : description.steps) {
    number(static_cast<std::int64_t>(step.kind));
    text(step.pattern);
    number(static_cast<std::int64_t>(step.behavior));
    number(step.invert ? 1 : 0);
  }
  for (const auto& token : description.added_tokens) {
    number(token.id);
    text(token.content);
    for (const bool flag :
         {token.single_word, token.lstrip, token.rstrip, token.normalized, token.special}) {
      number(flag ? 1 : 0);
    }
  }
  return hasher.digest64();
}

// What the id of a token of the vocabulary stands for.
std::string bytes_of(const std::string& token) {
  std::string bytes;
  return append_bytes_of(token, bytes) ? bytes : token;
}

}  // namespace

struct Tokenizer::Parts {
  Parts(std::string_view text, const std::string& name, Description& description);

  void fill_tables(const Description& description, const std::string& name);

  std::string json;
  std::uint64_t hash;
  bool nfc;
  Bpe bpe;
  PreTokenizer pre_tokenizer;
  AddedTokens raw_tokens;                  // found in the text as it comes
  AddedTokens normalized_tokens;           // found in the normalised text
  WholeTokens whole_tokens;                // empty without ignore_merges
  std::vector<std::string> texts;          // [vocabulary size]
  std::vector<bool> known;                 // [vocabulary size]
  std::vector<std::int32_t> bytes_per_id;  // [vocabulary size]
  std::unordered_map<std::string, std::int32_t> ids_by_text;
};

Tokenizer::Parts::Parts(std::string_view text, const std::string& name, Description& description)
    : json(text),
      hash(hash_of(description)),
      nfc(description.nfc),
      bpe(description),
      pre_tokenizer(description.steps, name),
      raw_tokens(tokens_of(description.added_tokens, false)),
      normalized_tokens(tokens_of(description.added_tokens, true)) {
  fill_tables(description, name);
}

void Tokenizer::Parts::fill_tables(const Description& description, const std::string& name) {
  std::int32_t largest = description.vocabulary.back().id;
  for (const auto& token : description.added_tokens) largest = std::max(largest, token.id);
  const std::size_t size = static_cast<std::size_t>(largest) + 1;
  texts.resize(size);
  known.resize(size);
  bytes_per_id.resize(size);
  for (const auto& token : description.vocabulary) {
    const auto id = static_cast<std::size_t>(token.id);
    texts[id] = bytes_of(token.text);
    known[id] = true;
    bytes_per_id[id] = static_cast<std::int32_t>(texts[id].size());
    ids_by_text.emplace(texts[id], token.id);
    if (description.ignore_merges) whole_tokens.emplace(texts[id], token.id);
  }
  for (const auto& token : description.added_tokens) {
    const auto id = static_cast<std::size_t>(token.id);
    texts[id] = token.content;
    known[id] = true;
    bytes_per_id[id] = token.special ? 0 : static_cast<std::int32_t>(token.content.size());
    ids_by_text.insert_or_assign(token.content, token.id);
  }
  (void)name;
}

Tokenizer::Tokenizer(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_json(std::string_view json, const std::string& name) {
  Description description = parse_description(json, name);
  return Tokenizer(std::make_unique<const Parts>(json, name, description));
}

void Tokenizer::encode(std::string_view text, SpecialText special,
                       std::vector<std::int32_t>& ids) const {
  const bool specials = special == SpecialText::kRecognise;
  PreTokenizer::Scratch scratch;
  Bpe::Scratch bpe_scratch;
  const auto encode_words = [&](std::string_view piece) {
    parts_->pre_tokenizer.split(piece, scratch, [&](std::string_view word) {
      if (!parts_->whole_tokens.empty()) {
        const auto whole = parts_->whole_tokens.find(std::string(word));
        if (whole != parts_->whole_tokens.end()) {
          ids.push_back(whole->second);
          return;
        }
      }
      parts_->bpe.encode(word, bpe_scratch, ids);
    });
  };
  const auto between = [&](const AddedTokens& tokens, std::string_view whole, const auto& rest) {
    std::size_t done = 0;
    tokens.find(whole, specials, [&](const AddedTokens::Match& match) {
      if (done < match.begin) rest(whole.substr(done, match.begin - done));
      ids.push_back(match.id);
      done = match.end;
    });
    if (done < whole.size()) rest(whole.substr(done));
  };
  const auto encode_valid = [&](std::string_view valid) {
    between(parts_->raw_tokens, valid, [&](std::string_view piece) {
      std::string normal;
      if (parts_->nfc && !surely_nfc(piece)) {
        append_nfc(piece, normal);
        piece = normal;
      }
      between(parts_->normalized_tokens, piece, encode_words);
    });
  };
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    if (valid > 0) encode_valid(text.substr(0, valid));
    text.remove_prefix(valid);
    if (!text.empty()) {
      parts_->bpe.encode(text.substr(0, 1), bpe_scratch, ids);
      text.remove_prefix(1);
    }
  }
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  for (const std::int32_t id : ids) {
    const auto place = static_cast<std::size_t>(id);
    util::require(id >= 0 && place < parts_->known.size() && parts_->known[place],
                  "tokenizer: the vocabulary has no id ", id);
    text += parts_->texts[place];
  }
  return text;
}

std::int64_t Tokenizer::vocabulary_size() const {
  return static_cast<std::int64_t>(parts_->texts.size());
}

std::optional<std::int32_t> Tokenizer::find(std::string_view token) const {
  const auto found = parts_->ids_by_text.find(std::string(token));
  if (found == parts_->ids_by_text.end()) return {};
  return found->second;
}

std::span<const std::int32_t> Tokenizer::bytes_per_id() const { return parts_->bytes_per_id; }

const std::string& Tokenizer::json() const { return parts_->json; }

std::uint64_t Tokenizer::hash() const { return parts_->hash; }

}  // namespace superpose::tokenizer
