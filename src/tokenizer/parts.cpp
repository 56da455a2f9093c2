#include "tokenizer/parts.h"

#include <algorithm>

#include "tokenizer/bytes.h"
#include "tokenizer/unicode.h"
#include "util/error.h"

namespace superpose::tokenizer {
namespace {

// The text that is looked for.
std::string text_of(const AddedToken& token, bool nfc) {
  if (!token.normalized || !nfc) return token.content;
  std::string normal;
  append_nfc(token.content, normal);
  return normal;
}

// Added tokens of one kind.
AddedTokens tokens_of(const Description& description, bool normalized, const std::string& name) {
  std::vector<AddedToken> chosen;
  std::unordered_map<std::string, std::string> contents;  // by the text that is looked for
  for (AddedToken token : description.added_tokens) {
    if (token.normalized != normalized) continue;
    const std::string content = token.content;
    token.content = text_of(token, description.nfc);
    const auto [twin, is_new] = contents.emplace(token.content, content);
    util::require(is_new, name, ": added_tokens: \"", twin->second, "\" and \"", content,
                  "\" are the same once normalised");
    chosen.push_back(std::move(token));
  }
  return AddedTokens(std::move(chosen));
}

class DescriptionHasher {
 public:
  std::uint64_t hash(const Description& description) && {
    number(description.vocabulary.size());
    for (const auto& token : description.vocabulary) {
      id(token.id);
      text(token.text);
    }
    number(description.merges.size());
    for (const auto& merge : description.merges) {
      id(merge.left);
      id(merge.right);
    }
    number(description.ignore_merges);
    number(description.nfc);
    number(description.steps.size());
    for (const auto& step : description.steps) {
      number(static_cast<std::uint64_t>(step.kind));
      text(step.pattern);
      number(static_cast<std::uint64_t>(step.behavior));
      number(step.invert);
    }
    for (const auto& token : description.added_tokens) added(token);
    return hasher_.digest64();
  }

 private:
  void number(std::uint64_t value) { hasher_.update(value); }
  void id(std::int32_t value) { number(static_cast<std::uint64_t>(value)); }
  // With its size: two ways to cut the same bytes differ.
  void text(std::string_view value) {
    number(value.size());
    hasher_.update(value);
  }
  void added(const AddedToken& token) {
    id(token.id);
    text(token.content);
    number(token.single_word);
    number(token.lstrip);
    number(token.rstrip);
    number(token.normalized);
    number(token.special);
  }

  util::Hasher hasher_;
};

std::size_t size_of(const Description& description) {
  std::int32_t largest = description.vocabulary.back().id;
  for (const AddedToken& token : description.added_tokens) largest = std::max(largest, token.id);
  return static_cast<std::size_t>(largest) + 1;
}

// Whether an id is that of an ASCII byte or of a merge: what any text is encoded as.
std::vector<bool> ids_of_plain_text(const Description& description, std::size_t size) {
  std::vector<bool> found(size);
  for (const auto& token : description.vocabulary) {
    std::string bytes;
    const bool is_ascii = append_bytes_of(token.text, bytes) && bytes.size() == 1 &&
                          static_cast<unsigned char>(bytes[0]) < 0x80;
    if (is_ascii) found[static_cast<std::size_t>(token.id)] = true;
  }
  for (const auto& merge : description.merges) found[static_cast<std::size_t>(merge.merged)] = true;
  return found;
}

}  // namespace

Tokenizer::Parts::Parts(std::string_view text, const std::string& name,
                        const Description& description)
    : json(text),
      hash(DescriptionHasher().hash(description)),
      nfc(description.nfc),
      ignore_merges(description.ignore_merges),
      puts_space_in_front(std::any_of(
          description.steps.begin(), description.steps.end(),
          [](const auto& step) { return step.kind == PreTokenizerStep::Kind::kPrefixSpace; })),
      framing(description.framing),
      bpe(description),
      pre_tokenizer(description.steps, name),
      raw_tokens(tokens_of(description, false, name)),
      normalized_tokens(tokens_of(description, true, name)),
      texts(size_of(description)),
      known(texts.size()),
      bytes_per_id(texts.size()) {
  add_vocabulary(description);
  add_added_tokens(description);
}

void Tokenizer::Parts::add_vocabulary(const Description& description) {
  vocabulary.reserve(description.vocabulary.size());
  for (const auto& token : description.vocabulary) {
    const auto place = static_cast<std::size_t>(token.id);
    std::string& text = texts[place];
    const bool is_bytes = append_bytes_of(token.text, text);
    if (!is_bytes) text = token.text;
    known[place] = true;
    bytes_per_id[place] = static_cast<std::int32_t>(text.size());
    (is_bytes ? vocabulary : others).emplace(text, token.id);
  }
}

void Tokenizer::Parts::add_added_tokens(const Description& description) {
  const std::vector<bool> plain = ids_of_plain_text(description, texts.size());
  for (const AddedToken& token : description.added_tokens) {
    const auto place = static_cast<std::size_t>(token.id);
    // An added token is found as the text that it is; only tokens of the vocabulary are spelled in
    // characters that stand for bytes. Where it is both (one spelled as a space is), it usually
    // means the bytes.
    if (!plain[place]) texts[place] = text_of(token, nfc);
    known[place] = true;
    bytes_per_id[place] = token.special ? 0 : static_cast<std::int32_t>(texts[place].size());
    others.insert_or_assign(token.content, token.id);
  }
}

}  // namespace superpose::tokenizer
