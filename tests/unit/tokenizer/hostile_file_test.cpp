// Broken and contradictory tokenizer files: one clear line, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "support/names.h"
#include "tokenizer/bytes.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using test::names;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using util::Json;

// A small whole file: bytes, a few merges, one special token.
Json small_file() {
  Json file = Json::parse(byte_tokenizer_json());
  file["model"]["vocab"]["th"] = 257;
  file["model"]["vocab"]["the"] = 258;
  file["model"]["merges"] = Json::array({"t h", Json::array({"th", "e"})});
  file["pre_tokenizer"]["use_regex"] = true;
  return file;
}

std::string message_of(const std::string& json) {
  try {
    Tokenizer::from_json(json, "some.json");
  } catch (const util::Error& error) {
    EXPECT_THAT(error.what(), StartsWith("some.json: "));
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "accepted";
}

// The small file with the value at a JSON pointer replaced.
std::string message_with(const std::string& pointer, const Json& value) {
  Json file = small_file();
  file[Json::json_pointer(pointer)] = value;
  return message_of(file.dump());
}

TEST(HostileFile, SmallOneIsSound) {
  const Tokenizer tokenizer = Tokenizer::from_json(small_file().dump(), "some.json");
  std::vector<std::int32_t> ids;
  tokenizer.encode("the th", SpecialText::kRecognise, ids);
  EXPECT_THAT(ids, ::testing::ElementsAre(258, ' ', 257));
}

TEST(HostileFile, NamesWhatIsNotSupported) {
  EXPECT_THAT(message_with("/model/type", "Unigram"), HasSubstr("model.type: \"Unigram\""));
  EXPECT_THAT(message_with("/model/type", "WordPiece"), names("\"WordPiece\""));
  EXPECT_THAT(message_with("/model/byte_fallback", true), HasSubstr("byte_fallback"));
  EXPECT_THAT(message_with("/model/dropout", 0.1), HasSubstr("model.dropout"));
  EXPECT_THAT(message_with("/model/continuing_subword_prefix", "##"), HasSubstr("##"));
  EXPECT_THAT(message_with("/model/end_of_word_suffix", "</w>"), HasSubstr("</w>"));
  EXPECT_THAT(message_with("/normalizer", {{"type", "Lowercase"}}), HasSubstr("\"Lowercase\""));
  EXPECT_THAT(message_with("/pre_tokenizer", {{"type", "Metaspace"}}), HasSubstr("\"Metaspace\""));
  EXPECT_THAT(message_with("/pre_tokenizer", nullptr), names("ByteLevel"));
  EXPECT_THAT(message_with("/decoder", {{"type", "WordPiece"}}), HasSubstr("decoder"));
  EXPECT_THAT(message_with("/post_processor", {{"type", "BertProcessing"}}),
              HasSubstr("post_processor"));
  EXPECT_THAT(message_with("/version", "2.0"), HasSubstr("version"));
}

TEST(HostileFile, RefusesIdsOutOfRange) {
  for (const char* id :
       {"-1", "2147483648", "16777216", "99999999999999999999", "1.5", "\"7\"", "null", "[]"}) {
    EXPECT_THAT(message_with("/model/vocab/th", Json::parse(id)), HasSubstr("id")) << id;
  }
  EXPECT_THAT(message_with("/model/vocab/th", 258), names("th", "258"));
}

TEST(HostileFile, RefusesContradictions) {
  EXPECT_THAT(message_with("/model/merges/0", "t x y"), HasSubstr("model.merges 1"));
  EXPECT_THAT(message_with("/model/merges/0", "th"), HasSubstr("model.merges 1"));
  EXPECT_THAT(message_with("/model/merges/1", Json::array({"th"})), HasSubstr("model.merges 2"));
  EXPECT_THAT(message_with("/model/merges/0", 5), names("two tokens"));
  EXPECT_THAT(message_with("/model/merges/0", "q z"), names("qz", "vocabulary"));
  EXPECT_THAT(message_with("/model/merges/0", "no h"), names("\"no\""));
  EXPECT_THAT(message_with("/model/vocab", Json::object()), HasSubstr("is empty"));
  EXPECT_THAT(message_with("/model/unk_token", "<unk>"), ::testing::Eq("accepted"));
  EXPECT_THAT(message_of("[1, 2]"), names("object"));
  EXPECT_THAT(message_of("{}"), names("\"model\"", "missing"));
  EXPECT_THAT(message_of(""), names("valid JSON"));
}

TEST(HostileFile, RefusesTokensTwice) {
  std::string json = small_file().dump();
  const std::string entry = "\"th\":257";
  json.replace(json.find(entry), entry.size(), entry + ",\"th\":300");
  EXPECT_THAT(message_of(json), names("th", "twice"));
}

TEST(HostileFile, RefusesAddedTokensWithoutARoom) {
  Json file = small_file();
  file["model"]["vocab"]["zz"] = 260;  // 260 entries: the next added token would be 260
  Json token = file["added_tokens"][0];
  token["content"] = "<new>";
  file["added_tokens"].push_back(token);
  EXPECT_THAT(message_of(file.dump()), names("<new>", "260"));
}

TEST(HostileFile, RefusesATemplateThatContradictsItself) {
  const Json token = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const Json whole = {{"type", "TemplateProcessing"},
                      {"single", Json::array({token})},
                      {"special_tokens", {{"<s>", {{"ids", {1}}}}}}};
  EXPECT_EQ(message_with("/post_processor", whole), "accepted");
  for (const auto& [pointer, value, part] : std::vector<std::tuple<const char*, Json, const char*>>{
           {"/single", nullptr, "single"},
           {"/single/0", Json::object(), "Sequence"},
           {"/special_tokens", Json::object(), "\"<s>\" is missing"},
           {"/special_tokens/<s>/ids", "1", "expected a list"},
           {"/special_tokens/<s>/ids/0", -1, "id"}}) {
    Json changed = whole;
    changed[Json::json_pointer(pointer)] = value;
    EXPECT_THAT(message_with("/post_processor", changed), HasSubstr(part)) << pointer;
  }
}

TEST(HostileFile, DeepNestingIsAnError) {
  std::string json = small_file().dump();
  const std::string deep(100000, '[');
  EXPECT_NE(message_of(deep), "accepted");
  json.insert(1, "\"extra\":" + deep + std::string(100000, ']') + ",");
  EXPECT_THAT(message_of(json), names("valid JSON"));
}

// Cut anywhere, or with any bit flipped: an error or a tokenizer that works, nothing else.
TEST(HostileFile, CutsAndBitFlips) {
  const std::string sound = small_file().dump();
  std::vector<std::int32_t> ids;
  const auto attempt = [&](const std::string& json) {
    if (message_of(json) != "accepted") return;
    const Tokenizer tokenizer = Tokenizer::from_json(json, "some.json");
    ids.clear();
    tokenizer.encode("the \xFF \u00e9<|endoftext|>", SpecialText::kRecognise, ids);
    (void)tokenizer.decode(ids);
  };
  for (std::size_t size = 0; size < sound.size(); size += 7) {
    EXPECT_NE(message_of(sound.substr(0, size)), "accepted") << size;
  }
  std::mt19937 source(5);
  for (int i = 0; i < 3000; ++i) {
    std::string json = sound;
    for (int flips = 1 + i % 3; flips > 0; --flips) {
      json[source() % json.size()] ^= static_cast<char>(1U << (source() % 8));
    }
    attempt(json);
  }
}

}  // namespace
}  // namespace superpose::tokenizer
