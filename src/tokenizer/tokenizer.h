// Text to ids and back: the interface of the tokenizer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/description.h"

namespace superpose::tokenizer {

// What the text of a special token ("<|endoftext|>") becomes where it stands inside a text.
enum class SpecialText {
  kRecognise,  // its one id
  kAsText,     // the ids of its characters; other added tokens are recognised all the same
};

// Byte-level BPE as a Hugging Face tokenizer.json describes it; raw bytes are the case without
// merges. Immutable: threads may share one.
class Tokenizer {
 public:
  // Throws util::Error that begins with `name`: not JSON, not of this family (the component is
  // named), or a vocabulary and merges that do not fit together.
  static Tokenizer from_json(std::string_view json, const std::string& name);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Appends the ids of `text` to `ids`: those of Hugging Face `tokenizers` with
  // add_special_tokens=False. All from the first byte that is not UTF-8 on is one word with the
  // word before (docs/formats/tokenizers.md). For many texts an Encoder is faster.
  void encode(std::string_view text, SpecialText special, std::vector<std::int32_t>& ids) const;

  // The bytes of the ids, special tokens as their text; need not be UTF-8. Throws util::Error for
  // an id that the vocabulary lacks.
  std::string decode(std::span<const std::int32_t> ids) const;

  // Largest id + 1.
  std::int64_t vocabulary_size() const;

  // Id of a token by its text: an added token's content, or the bytes of a BPE token.
  std::optional<std::int32_t> find(std::string_view token) const;

  // [vocabulary_size] bytes of text that each id stands for; 0 for special tokens and for ids that
  // the vocabulary lacks.
  std::span<const std::int32_t> bytes_per_id() const;

  // What `tokenizers` puts around a text with add_special_tokens=True, its default; encode does
  // not.
  const Framing& framing() const;

  // Whether encode puts a space in front of a text that begins with none.
  bool puts_space_in_front() const;

  // A tokenizer.json that `tokenizers` loads to the same tokenizer.
  const std::string& json() const;

  // XXH3 of what decides the ids: equal for equal vocabularies, merges and steps, however spelled.
  std::uint64_t hash() const;

 private:
  friend class Encoder;
  struct Parts;
  explicit Tokenizer(std::unique_ptr<const Parts> parts);
  std::unique_ptr<const Parts> parts_;
};

// Encodes texts one after another, as Tokenizer::encode does, and keeps the ids of words that it
// has met. One per thread; its memory is bounded. The tokenizer must outlive it.
class Encoder {
 public:
  explicit Encoder(const Tokenizer& tokenizer);
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  ~Encoder();

  void encode(std::string_view text, SpecialText special, std::vector<std::int32_t>& ids);

 private:
  friend class Tokenizer;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace superpose::tokenizer
