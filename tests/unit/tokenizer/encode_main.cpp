// Encodes and decodes for a test in another language:
//
//   encode_main TOKENIZER < TEXTS > RESULTS
//
//   TOKENIZER  as --tokenizer of the program
//   TEXTS      for each text: u32 its number of bytes, and the bytes
//   RESULTS    for each text, with special tokens recognised and then as text: u32 number of ids
//              and the i32 ids, u32 number of bytes and the bytes of the ids decoded
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tokenizer/load.h"
#include "tokenizer/tokenizer.h"

namespace {

using superpose::tokenizer::Encoder;
using superpose::tokenizer::SpecialText;
using superpose::tokenizer::Tokenizer;

template <class T>
void write(const std::vector<T>& items) {
  const auto count = static_cast<std::uint32_t>(items.size());
  std::fwrite(&count, sizeof count, 1, stdout);
  std::fwrite(items.data(), sizeof(T), items.size(), stdout);
}

void answer(const Tokenizer& tokenizer, Encoder& encoder, const std::string& text) {
  for (const SpecialText special : {SpecialText::kRecognise, SpecialText::kAsText}) {
    std::vector<std::int32_t> ids;
    encoder.encode(text, special, ids);
    write(ids);
    const std::string decoded = tokenizer.decode(ids);
    write(std::vector<char>(decoded.begin(), decoded.end()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) return 2;
    const Tokenizer tokenizer = superpose::tokenizer::open_tokenizer(argv[1]);
    Encoder encoder(tokenizer);
    std::uint32_t size = 0;
    for (std::string text; std::fread(&size, sizeof size, 1, stdin) == 1;) {
      text.resize(size);
      if (std::fread(text.data(), 1, size, stdin) != size) return 1;
      answer(tokenizer, encoder, text);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
