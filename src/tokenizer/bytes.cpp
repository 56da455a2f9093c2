#include "tokenizer/bytes.h"

#include "tokenizer/unicode.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using util::Json;

constexpr int kNumBytes = 256;

// Printable in Latin-1 and not a space of any kind: 0xAD is the soft hyphen.
bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// UTF-8 of a code point below 0x800.
std::string utf8(int code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | (code_point >> 6)),
          static_cast<char>(0x80 | (code_point & 0x3F))};
}

// The code point that stands for each byte.
std::array<int, kNumBytes> code_points() {
  std::array<int, kNumBytes> points;
  int next_substitute = kNumBytes;
  for (int byte = 0; byte < kNumBytes; ++byte) {
    points[static_cast<std::size_t>(byte)] = stands_for_itself(byte) ? byte : next_substitute++;
  }
  return points;
}

// The way back: -1 for a code point that stands for none. All are below 512.
std::array<int, 512> bytes_by_code_point() {
  std::array<int, 512> bytes;
  bytes.fill(-1);
  const auto points = code_points();
  for (std::size_t byte = 0; byte < points.size(); ++byte) {
    bytes[static_cast<std::size_t>(points[byte])] = static_cast<int>(byte);
  }
  return bytes;
}

Json special_token() {
  return {{"id", kEndOfDocument}, {"content", kEndOfDocumentText},
          {"single_word", false}, {"lstrip", false},
          {"rstrip", false},      {"normalized", false},
          {"special", true}};
}

// Without a split expression and without a space put in front: every byte is kept as it is.
Json byte_level_step() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", false}};
}

}  // namespace

std::array<std::string, 256> byte_level_alphabet() {
  std::array<std::string, 256> alphabet;
  const auto points = code_points();
  for (std::size_t byte = 0; byte < points.size(); ++byte) alphabet[byte] = utf8(points[byte]);
  return alphabet;
}

bool append_bytes_of(std::string_view token, std::string& bytes) {
  static const std::array<int, 512> byte_of = bytes_by_code_point();
  const std::size_t size_before = bytes.size();
  for (std::size_t at = 0; at < token.size();) {
    const CodePoint c = code_point_at(token.data() + at);
    const int byte = c.value < byte_of.size() ? byte_of[c.value] : -1;
    if (byte < 0) {
      bytes.resize(size_before);
      return false;
    }
    bytes += static_cast<char>(byte);
    at += c.size;
  }
  return true;
}

std::string byte_tokenizer_json() {
  Json vocabulary = Json::object();
  const auto alphabet = byte_level_alphabet();
  for (std::size_t byte = 0; byte < alphabet.size(); ++byte) vocabulary[alphabet[byte]] = byte;
  vocabulary[std::string(kEndOfDocumentText)] = kEndOfDocument;

  const Json tokenizer = {{"version", "1.0"},
                          {"truncation", nullptr},
                          {"padding", nullptr},
                          {"added_tokens", Json::array({special_token()})},
                          {"normalizer", nullptr},
                          {"pre_tokenizer", byte_level_step()},
                          {"post_processor", nullptr},
                          {"decoder", byte_level_step()},
                          {"model",
                           {{"type", "BPE"},
                            {"dropout", nullptr},
                            {"unk_token", nullptr},
                            {"continuing_subword_prefix", nullptr},
                            {"end_of_word_suffix", nullptr},
                            {"fuse_unk", false},
                            {"byte_fallback", false},
                            {"ignore_merges", false},
                            {"vocab", vocabulary},
                            {"merges", Json::array()}}}};
  return tokenizer.dump(2) + "\n";
}

std::string byte_tokenizer_config_json() {
  const Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                       {"eos_token", kEndOfDocumentText},
                       {"clean_up_tokenization_spaces", false},
                       {"add_prefix_space", false}};
  return config.dump(2) + "\n";
}

}  // namespace superpose::tokenizer
