// Regular expressions in the dialect of the `tokenizers` library.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace superpose::tokenizer {

// A split expression of a tokenizer.json. `tokenizers` gives these to Oniguruma (Ruby's syntax,
// Unicode classes); here PCRE2 matches them, compiled to machine code. What the two read
// differently is rewritten for PCRE2, or refused. Immutable: threads may share one.
class Regex {
 public:
  // What a thread needs to match with.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    friend class Regex;
    struct State;
    std::unique_ptr<State> state_;
  };

  struct Match {
    std::size_t begin;
    std::size_t end;
  };

  // Throws util::Error that begins with `who`.
  Regex(std::string_view pattern, const std::string& who);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // The first match in valid UTF-8 at or after `from`, which begins a code point; what stands
  // before `from` is seen by look-behinds. Throws util::Error where the expression needs more steps
  // than are sensible.
  std::optional<Match> find(std::string_view text, std::size_t from, Scratch& scratch) const;

 private:
  struct Code;
  std::unique_ptr<const Code> code_;
};

// The expression in PCRE2's syntax. Throws util::Error that begins with `who` for what PCRE2 has no
// equal to.
std::string to_pcre2(std::string_view pattern, const std::string& who);

}  // namespace superpose::tokenizer
