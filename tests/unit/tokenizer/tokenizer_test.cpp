#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "tokenizer/bpe.h"
#include "tokenizer/bytes.h"
#include "tokenizer/patterns.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using ::testing::ElementsAre;
using util::Json;
using Ids = std::vector<std::int32_t>;

// Bytes, merges of a's and of a few words, and "<|endoftext|>" (256).
Json file_with_merges() {
  Json file = Json::parse(byte_tokenizer_json());
  file["pre_tokenizer"]["use_regex"] = true;
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"a", "a"}, {"t", "h"}, {"aa", "aa"}, {"th", "e"}, {"Ġ", "the"}, {"aaaa", "a"}};
  std::int32_t id = 257;
  for (const auto& [left, right] : merges) {
    file["model"]["merges"].push_back(left + " " + right);
    file["model"]["vocab"][left + right] = id++;
  }
  return file;
}

Ids encoded(const Tokenizer& tokenizer, std::string_view text,
            SpecialText special = SpecialText::kRecognise) {
  Ids ids;
  tokenizer.encode(text, special, ids);
  return ids;
}

// Merges as the definition has them: the whole word is looked through for each.
Ids merged_by_definition(const Description& description, std::string_view word) {
  Ids symbols;
  for (const char c : word) symbols.push_back(static_cast<unsigned char>(c));
  while (true) {
    const Description::Merge* best = nullptr;
    std::size_t place = 0;
    for (const auto& merge : description.merges) {
      for (std::size_t i = 0; i + 1 < symbols.size() && best == nullptr; ++i) {
        if (symbols[i] == merge.left && symbols[i + 1] == merge.right) {
          best = &merge;
          place = i;
        }
      }
      if (best != nullptr) break;
    }
    if (best == nullptr) return symbols;
    symbols[place] = best->merged;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

TEST(Tokenizer, MergesGoInTheirOrderLeftmostFirst) {
  const Tokenizer tokenizer = Tokenizer::from_json(file_with_merges().dump(), "small");
  EXPECT_THAT(encoded(tokenizer, "the the"), ElementsAre(260, 261));
  EXPECT_THAT(encoded(tokenizer, "aaaaa"), ElementsAre(262));
  EXPECT_THAT(encoded(tokenizer, "aaa"), ElementsAre(257, 'a'));
}

TEST(Tokenizer, ShortAndLongWordsFollowTheDefinition) {
  const Description description = parse_description(file_with_merges().dump(), "small");
  const Bpe bpe(description);
  Bpe::Scratch scratch;
  std::mt19937 source(3);
  for (int i = 0; i < 400; ++i) {
    std::string word(1 + source() % 90, ' ');
    for (char& c : word) c = "aaathe "[source() % 7];
    Ids ids;
    bpe.encode(word, scratch, ids);
    EXPECT_EQ(ids, merged_by_definition(description, word)) << word;
  }
}

TEST(Tokenizer, AMegabyteWithoutASpaceIsOneWord) {
  const Tokenizer tokenizer = Tokenizer::from_json(file_with_merges().dump(), "small");
  const std::string text(1'000'003, 'a');
  const Ids ids = encoded(tokenizer, text);
  EXPECT_EQ(ids.size(), 250'002U);
  EXPECT_EQ(tokenizer.decode(ids), text);
}

TEST(Tokenizer, EncoderGivesTheSameAlsoFromItsMemory) {
  const Tokenizer tokenizer = Tokenizer::from_json(file_with_merges().dump(), "small");
  Encoder encoder(tokenizer);
  std::mt19937 source(4);
  for (int i = 0; i < 2000; ++i) {
    std::string text(source() % 40, ' ');
    for (char& c : text) c = "aathe '\n\xC3\xA9z\0x"[source() % 12];
    Ids ids;
    encoder.encode(text, SpecialText::kRecognise, ids);
    EXPECT_EQ(ids, encoded(tokenizer, text));
    EXPECT_EQ(tokenizer.decode(ids), text);
  }
}

TEST(Tokenizer, ThreadsMayShareOne) {
  const Tokenizer tokenizer = Tokenizer::from_json(file_with_merges().dump(), "small");
  const std::string text = "the aaa \u00e9 <|endoftext|> the";
  const Ids expected = encoded(tokenizer, text);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Encoder encoder(tokenizer);
      for (int turn = 0; turn < 200; ++turn) {
        Ids ids;
        encoder.encode(text, SpecialText::kRecognise, ids);
        EXPECT_EQ(ids, expected);
      }
    });
  }
}

// From the first byte that is not UTF-8 on all is one word, together with the word before.
TEST(Tokenizer, WhatFollowsABadByteIsOneWord) {
  const Tokenizer tokenizer = Tokenizer::from_json(file_with_merges().dump(), "small");
  EXPECT_THAT(encoded(tokenizer, "the\xFF the"), ElementsAre(260, 0xFF, 261));
  EXPECT_THAT(encoded(tokenizer,
                      "the aa\xFF"
                      "aathe the"),
              ElementsAre(260, ' ', 257, 0xFF, 257, 260, 261));
  EXPECT_THAT(encoded(tokenizer, "\xFF"), ElementsAre(0xFF));
  EXPECT_THAT(encoded(tokenizer, "\xC3"), ElementsAre(0xC3));
  EXPECT_THAT(encoded(tokenizer, "t\xE2\x82"), ElementsAre('t', 0xE2, 0x82));
  EXPECT_THAT(encoded(tokenizer, "\xED\xA0\x80"), ElementsAre(0xED, 0xA0, 0x80));  // a surrogate
  EXPECT_THAT(encoded(tokenizer, "\xC0\x80"), ElementsAre(0xC0, 0x80));            // too long
  EXPECT_THAT(encoded(tokenizer, "\xF4\x90\x80\x80"), ElementsAre(0xF4, 0x90, 0x80, 0x80));
  std::mt19937 source(6);
  for (int i = 0; i < 2000; ++i) {
    std::string text(source() % 30, ' ');
    for (char& c : text) c = static_cast<char>(source() % 3 == 0 ? source() % 256 : 'a');
    EXPECT_EQ(tokenizer.decode(encoded(tokenizer, text)), text);
  }
}

TEST(Tokenizer, ABadByteJoinsWhatTheSplitKeptApart) {
  Json file = file_with_merges();
  std::int32_t id = 263;
  const auto merge = [&](const std::string& left, const std::string& right) {
    file["model"]["merges"].push_back(left + " " + right);
    file["model"]["vocab"][left + right] = id++;
  };
  merge("\u0120", "\u0120");  // 263: two spaces
  merge("e", "\u00ff");       // 264: "e" and the byte FF
  merge("\u010a", "\u00ff");  // 265: a new line and the byte FF
  merge("\u010a", "\u0120");  // 266: a new line and a space
  const Tokenizer tokenizer = Tokenizer::from_json(file.dump(), "small");
  EXPECT_THAT(encoded(tokenizer, "e\xFF"), ElementsAre(264));
  // White space before takes part, token by token, also where the split keeps it apart: Llama 3's
  // cuts behind a line end.
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", kCl100kPattern}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  file["pre_tokenizer"]["use_regex"] = false;
  file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, file["pre_tokenizer"]}}};
  const Tokenizer lines = Tokenizer::from_json(file.dump(), "lines");
  EXPECT_THAT(encoded(lines, "a\n "), ElementsAre('a', '\n', ' '));
  EXPECT_THAT(encoded(lines, "a\n \xFF"), ElementsAre('a', 266, 0xFF));
  EXPECT_THAT(encoded(lines, "a\n  \xFF"), ElementsAre('a', '\n', 263, 0xFF));
  EXPECT_THAT(encoded(lines, "a\nb\xFF"), ElementsAre('a', '\n', 'b', 0xFF));
}

// Before the bad byte all is as ever: added tokens, the normaliser. Behind it nothing is.
TEST(Tokenizer, ABadByteEndsAddedTokensAndNormalising) {
  Json file = file_with_merges();
  file["normalizer"] = {{"type", "NFC"}};
  const Tokenizer tokenizer = Tokenizer::from_json(file.dump(), "small");
  EXPECT_THAT(encoded(tokenizer, "aa<|endoftext|>\xFF"), ElementsAre(257, 256, 0xFF));
  EXPECT_THAT(encoded(tokenizer,
                      "<|endoftext|>\xFF"
                      "aa"),
              ElementsAre(256, 0xFF, 257));
  EXPECT_EQ(encoded(tokenizer, "\xFF<|endoftext|>").size(), 14U);
  EXPECT_EQ(encoded(tokenizer, "<|endof\xFFtext|>").size(), 14U);
  EXPECT_EQ(encoded(tokenizer, "<|endoftext|>\xFF", SpecialText::kAsText).size(), 14U);
  EXPECT_EQ(tokenizer.decode(encoded(tokenizer,
                                     "e\u0301\xFF"
                                     "e\u0301")),
            "\u00e9\xFF"
            "e\u0301");
}

TEST(Tokenizer, AWholeTailMayBeOneToken) {
  Json file = file_with_merges();
  file["model"]["vocab"]["t\u00ff\u0120t"] = 263;
  EXPECT_THAT(encoded(Tokenizer::from_json(file.dump(), "small"), "t\xFF t"),
              ElementsAre('t', 0xFF, ' ', 't'));
  file["model"]["ignore_merges"] = true;
  EXPECT_THAT(encoded(Tokenizer::from_json(file.dump(), "small"), "t\xFF t"), ElementsAre(263));
}

TEST(Tokenizer, ATailOfManyMegabytesTakesNoSquareOfItsSize) {
  const Tokenizer tokenizer = Tokenizer::from_json(file_with_merges().dump(), "small");
  std::string text(8'000'000, ' ');
  std::mt19937 source(7);
  for (char& c : text) c = "aaathe \xFF"[source() % 8];
  EXPECT_EQ(tokenizer.decode(encoded(tokenizer, text)), text);
}

TEST(Tokenizer, SpecialTokensAreRecognisedOrText) {
  const Tokenizer tokenizer = Tokenizer::from_json(file_with_merges().dump(), "small");
  EXPECT_THAT(encoded(tokenizer, "a<|endoftext|>a"), ElementsAre('a', 256, 'a'));
  EXPECT_EQ(encoded(tokenizer, "a<|endoftext|>a", SpecialText::kAsText).size(), 15U);
  EXPECT_EQ(tokenizer.decode(Ids{'a', 256}), "a<|endoftext|>");
}

TEST(Tokenizer, KnowsItsTokens) {
  const Tokenizer tokenizer = Tokenizer::from_json(file_with_merges().dump(), "small");
  EXPECT_EQ(tokenizer.vocabulary_size(), 263);
  EXPECT_EQ(tokenizer.find("<|endoftext|>"), 256);
  EXPECT_EQ(tokenizer.find(" the"), 261);
  EXPECT_EQ(tokenizer.find("\xFF"), 255);
  EXPECT_EQ(tokenizer.find("nothing"), std::nullopt);
  const auto bytes = tokenizer.bytes_per_id();
  ASSERT_EQ(bytes.size(), 263U);
  EXPECT_EQ(bytes[255], 1);
  EXPECT_EQ(bytes[256], 0);
  EXPECT_EQ(bytes[261], 4);
}

TEST(Tokenizer, RefusesIdsThatTheVocabularyLacks) {
  Json file = file_with_merges();
  file["model"]["vocab"]["zz"] = 300;
  const Tokenizer tokenizer = Tokenizer::from_json(file.dump(), "small");
  EXPECT_EQ(tokenizer.decode(Ids{300}), "zz");
  EXPECT_EQ(tokenizer.bytes_per_id()[299], 0);
  for (const std::int32_t id : {-1, 299, 301, 1 << 30}) {
    EXPECT_THROW(tokenizer.decode(Ids{id}), util::Error) << id;
  }
}

TEST(Tokenizer, HashIsOfWhatDecidesTheIds) {
  const Json file = file_with_merges();
  const std::uint64_t hash = Tokenizer::from_json(file.dump(), "a").hash();
  Json other = file;
  other["model"]["merges"] = Json::array();
  for (const auto& merge : file["model"]["merges"]) {
    const std::string line = merge;
    const std::size_t space = line.find(' ');
    other["model"]["merges"].push_back({line.substr(0, space), line.substr(space + 1)});
  }
  other["model"].erase("type");
  other["decoder"] = nullptr;
  EXPECT_EQ(Tokenizer::from_json(other.dump(4), "b").hash(), hash);
  for (const auto& [pointer, value] :
       std::vector<std::pair<std::string, Json>>{{"/model/merges/0", "aa a"},
                                                 {"/model/ignore_merges", true},
                                                 {"/added_tokens/0/rstrip", true},
                                                 {"/normalizer", {{"type", "NFC"}}},
                                                 {"/pre_tokenizer/use_regex", false},
                                                 {"/pre_tokenizer/add_prefix_space", true}}) {
    Json changed = file;
    changed["model"]["vocab"]["aaa"] = 263;
    const std::uint64_t before = Tokenizer::from_json(changed.dump(), "c").hash();
    EXPECT_NE(before, hash);
    changed[Json::json_pointer(pointer)] = value;
    EXPECT_NE(Tokenizer::from_json(changed.dump(), "d").hash(), before) << pointer;
  }
}

TEST(Tokenizer, JsonIsTheFile) {
  const std::string json = file_with_merges().dump();
  EXPECT_EQ(Tokenizer::from_json(json, "a").json(), json);
}

}  // namespace
}  // namespace superpose::tokenizer
