// Encodes texts again and again for a program that measures (encode.py):
//
//   encode_turns TOKENIZER TEXTS THREADS
//
//   TEXTS     a file: for each text, u32 its number of bytes, and the bytes
//
// For each line of standard input all texts are encoded once, each thread taking the next text that
// none has taken; then a line of JSON is written: seconds, ids, XXH3 of the ids of all texts.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "tokenizer/load.h"
#include "util/files.h"
#include "util/hash.h"

namespace {

using superpose::tokenizer::Encoder;
using superpose::tokenizer::SpecialText;
using Ids = std::vector<std::int32_t>;

std::vector<std::string> texts_of(const std::string& path) {
  const std::string packed = superpose::util::read_file(path);
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < packed.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, packed.data() + at, sizeof size);
    texts.push_back(packed.substr(at + sizeof size, size));
    at += sizeof size + size;
  }
  return texts;
}

void encode_all(const std::vector<std::string>& texts, std::vector<Encoder>& encoders,
                std::vector<Ids>& ids) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&](Encoder& encoder) {
    for (std::size_t text; (text = next.fetch_add(1)) < texts.size();) {
      encoder.encode(texts[text], SpecialText::kRecognise, ids[text]);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < encoders.size(); ++i)
    threads.emplace_back(work, std::ref(encoders[i]));
  work(encoders[0]);
}

void take_turns(const std::string& tokenizer_path, const std::string& texts_path, int num_threads) {
  const auto loaded = superpose::tokenizer::load_tokenizer(tokenizer_path, "");
  const std::vector<std::string> texts = texts_of(texts_path);
  std::vector<Encoder> encoders;
  for (int i = 0; i < num_threads; ++i) encoders.emplace_back(loaded.tokenizer);
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<Ids> ids(texts.size());
    const auto begin = std::chrono::steady_clock::now();
    encode_all(texts, encoders, ids);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    superpose::util::Hasher hasher;
    std::size_t count = 0;
    for (const Ids& of_text : ids) {
      hasher.update(std::as_bytes(std::span(of_text)));
      count += of_text.size();
    }
    std::cout << "{\"seconds\": " << seconds.count() << ", \"ids\": " << count << ", \"hash\": \""
              << superpose::util::hex64(hasher.digest64()) << "\"}" << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) return 2;
    take_turns(argv[1], argv[2], std::stoi(argv[3]));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
