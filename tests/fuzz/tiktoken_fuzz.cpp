#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/targets.h"
#include "tokenizer/tiktoken.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"

namespace superpose::fuzz {

void tiktoken(std::string_view input) {
  tokenizer::is_rank_file(input);
  std::string json;
  try {
    json = tokenizer::rank_file_to_json(input, "gpt2.tiktoken");
  } catch (const util::Error&) {
    return;
  }
  // What it gives is a tokenizer, which has an id for every byte.
  const auto tokenizer = tokenizer::Tokenizer::from_json(json, "input");
  for (const std::string_view text :
       {"", " Hello,  world's 123!\n\n", "\xc3\xa4\xf0\x9f\x98\x80\xff"}) {
    std::vector<std::int32_t> ids;
    tokenizer.encode(text, tokenizer::SpecialText::kAsText, ids);
    expect(tokenizer.decode(ids) == text);
  }
}

}  // namespace superpose::fuzz
