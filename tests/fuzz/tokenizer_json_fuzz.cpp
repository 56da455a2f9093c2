#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/targets.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"

namespace superpose::fuzz {

void tokenizer_json(std::string_view input) {
  try {
    const auto tokenizer = tokenizer::Tokenizer::from_json(input, "input");
    for (const std::string_view text :
         {"", " Hello,  world's 123!\n\n", "\xc3\xa4\xf0\x9f\x98\x80\xff<|end|>"}) {
      std::vector<std::int32_t> ids;
      tokenizer.encode(text, tokenizer::SpecialText::kRecognise, ids);
      for (const std::int32_t id : ids) expect(id >= 0 && id < tokenizer.vocabulary_size());
      tokenizer.decode(ids);
    }
    expect(std::ssize(tokenizer.bytes_per_id()) == tokenizer.vocabulary_size());
  } catch (const util::Error&) {
  }
}

}  // namespace superpose::fuzz
