#include "tokenizer/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer/bytes.h"
#include "tokenizer/tokenizer.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using ::testing::ElementsAre;
using util::Json;
using Ids = std::vector<std::int32_t>;

Json added(const std::string& content) {
  return {{"id", 0},         {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", false}};
}

// Bytes, "<|endoftext|>" (256), a merge of a space and "t" (257), and these added tokens.
Tokenizer with_added(const std::vector<std::string>& contents) {
  Json file = Json::parse(byte_tokenizer_json());
  file["model"]["vocab"]["\u0120t"] = 257;
  file["model"]["merges"].push_back("\u0120 t");
  for (const std::string& content : contents) file["added_tokens"].push_back(added(content));
  return Tokenizer::from_json(file.dump(), "added");
}

Ids encoded(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  tokenizer.encode(text, SpecialText::kRecognise, ids);
  return ids;
}

// Letters that stand for bytes in a vocabulary stand for themselves in an added token, also where
// the vocabulary has that one letter.
TEST(AddedTokens, AreTheTextThatTheyAre) {
  const Tokenizer tokenizer = with_added({"\u0111em", "\u00f5", "\u0142\u0142"});
  const std::string text = "\u0111em \u00f5, \u0142\u0142 the";
  const Ids ids = encoded(tokenizer, text);
  EXPECT_THAT(ids, ElementsAre(258, ' ', 0xF5, ',', ' ', 259, 257, 'h', 'e'));
  EXPECT_EQ(tokenizer.decode(ids), text);
  std::int64_t bytes = 0;
  for (const std::int32_t id : ids) bytes += tokenizer.bytes_per_id()[static_cast<std::size_t>(id)];
  EXPECT_EQ(bytes, std::ssize(text));
}

// Every letter of the alphabet as a token of its own, but those of ASCII: they spell a plain text.
TEST(AddedTokens, OfEveryLetterOfTheAlphabetDecodeToTheirText) {
  const auto alphabet = byte_level_alphabet();
  for (std::size_t byte = 0x80; byte < alphabet.size(); ++byte) {
    const Tokenizer tokenizer = with_added({alphabet[byte], alphabet[byte] + "x"});
    for (const std::string& text : {alphabet[byte], alphabet[byte] + "x" + alphabet[byte]}) {
      EXPECT_EQ(tokenizer.decode(encoded(tokenizer, text)), text) << byte;
    }
  }
}

// One that is spelled as a token that texts are full of: those decode as ever.
TEST(AddedTokens, DoNotTakeTheBytesOfPlainText) {
  const Tokenizer tokenizer = with_added({"\u0120", "\u010a", "\u0120t"});
  EXPECT_EQ(tokenizer.decode(encoded(tokenizer, "a t\n")), "a t\n");
  EXPECT_EQ(tokenizer.bytes_per_id()[' '], 1);
  EXPECT_EQ(tokenizer.bytes_per_id()[257], 2);
}

// Tokens of spaces that take the spaces around them along, in a run of them: with the square of its
// length, hours.
TEST(AddedTokens, StrippingTakesNoSquareOfTheSpaces) {
  for (const auto& [left, right] : {std::pair(true, false), {false, true}, {true, true}}) {
    Json file = Json::parse(byte_tokenizer_json());
    file["added_tokens"].push_back(added(" "));
    file["added_tokens"].back()["lstrip"] = left;
    file["added_tokens"].back()["rstrip"] = right;
    const Tokenizer tokenizer = Tokenizer::from_json(file.dump(), "spaces");
    const Ids ids = encoded(tokenizer, "a" + std::string(3'000'000, ' ') + "b");
    EXPECT_EQ(ids.front(), 'a');
    EXPECT_EQ(ids.back(), 'b');
  }
}

}  // namespace
}  // namespace superpose::tokenizer
