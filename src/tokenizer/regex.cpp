#define PCRE2_CODE_UNIT_WIDTH 8  // the library's own switch: UTF-8
#include "tokenizer/regex.h"

#include <pcre2.h>

#include <array>

#include "util/error.h"

namespace superpose::tokenizer {
namespace {

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

// Grows on demand; only expressions that step back over groups need more than the first page.
constexpr std::size_t kStackBegin = 32 << 10;
constexpr std::size_t kStackMost = 64 << 20;

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text;
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Regex::Code {
  std::unique_ptr<pcre2_code, Free> code;
  std::string who;
};

struct Regex::Scratch::State {
  std::unique_ptr<pcre2_match_data, Free> data{pcre2_match_data_create(1, nullptr)};
  std::unique_ptr<pcre2_match_context, Free> context{pcre2_match_context_create(nullptr)};
  std::unique_ptr<pcre2_jit_stack, Free> stack{
      pcre2_jit_stack_create(kStackBegin, kStackMost, nullptr)};
};

Regex::Scratch::Scratch() : state_(std::make_unique<State>()) {
  pcre2_jit_stack_assign(state_->context.get(), nullptr, state_->stack.get());
}
Regex::Scratch::~Scratch() = default;

Regex::Regex(std::string_view pattern, const std::string& who) {
  // A line ends with "\n", however the library was built.
  const std::string translated = "(*LF)" + to_pcre2(pattern, who);
  int error = 0;
  PCRE2_SIZE place = 0;
  auto code = std::make_unique<Code>();
  code->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &place, nullptr));
  util::require(code->code != nullptr, who, ": the expression ", pattern,
                " does not compile: ", message_of(error));
  error = pcre2_jit_compile(code->code.get(), PCRE2_JIT_COMPLETE);
  util::require(error == 0 || error == PCRE2_ERROR_JIT_BADOPTION, who, ": the expression ", pattern,
                " does not compile: ", message_of(error));
  code->who = who;
  code_ = std::move(code);
}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::optional<Regex::Match> Regex::find(std::string_view text, std::size_t from,
                                        Scratch& scratch) const {
  const Scratch::State& state = *scratch.state_;
  const int found =
      pcre2_match(code_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                  PCRE2_NO_UTF_CHECK, state.data.get(), state.context.get());
  if (found == PCRE2_ERROR_NOMATCH) return {};
  util::require(found >= 0, code_->who, ": an expression fails at byte ", from, " of a text of ",
                text.size(), ": ", message_of(found));
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(state.data.get());
  return Match{ends[0], ends[1]};
}

}  // namespace superpose::tokenizer
