// What the fuzzer calls with its inputs, and the test of kept cases with files. Each returns for
// any input: a util::Error is an answer, a crash or a broken promise of the reader (expect) is not.
#pragma once

#include <cstdlib>
#include <string_view>

namespace superpose::fuzz {

void jsonl(std::string_view input);
void megatron_idx(std::string_view input);
void safetensors(std::string_view input);
void score_requests(std::string_view input);
void task_toml(std::string_view input);
void text(std::string_view input);
void tiktoken(std::string_view input);
void token_file(std::string_view input);
void tokenizer_json(std::string_view input);

inline void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace superpose::fuzz
