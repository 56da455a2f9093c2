#include "tokenizer/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/names.h"
#include "tokenizer/bytes.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using test::names;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using util::Json;

constexpr std::int64_t kEnd = 256;

// Bytes, "<|endoftext|>" (256), "<|begin|>" (257) and "<|pad|>" (258).
Json tokenizer_file() {
  Json file = Json::parse(byte_tokenizer_json());
  for (const char* name : {"<|begin|>", "<|pad|>"}) {
    Json token = file["added_tokens"][0];
    token["id"] = 256 + file["added_tokens"].size();
    token["content"] = name;
    file["added_tokens"].push_back(token);
  }
  return file;
}

// Puts these tokens around a text.
Json template_of(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  Json single = Json::array();
  Json tokens = Json::object();
  const auto add = [&](const std::string& token) {
    const std::int64_t id = token == kEndOfDocumentText ? 256 : token == "<|begin|>" ? 257 : 258;
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    tokens[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
  };
  for (const std::string& token : before) add(token);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  for (const std::string& token : after) add(token);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", Json::array()},
          {"special_tokens", tokens}};
}

ModelFolder folder_of(const Json& file, const Json& config = Json::object()) {
  return make_model_folder(file.dump(), config.dump(), kEnd, 64);
}

ModelFolder folder_with(const Json& post_processor, const Json& config = Json::object()) {
  Json file = tokenizer_file();
  file["post_processor"] = post_processor;
  return folder_of(file, config);
}

TEST(ModelFolder, NothingToSayOfABareTokenizer) {
  const ModelFolder folder = folder_of(tokenizer_file());
  EXPECT_THAT(folder.untrained, IsEmpty());
  EXPECT_EQ(folder.begin_of_text, std::nullopt);
  EXPECT_EQ(folder.padding, std::nullopt);
  EXPECT_EQ(folder.end_of_document, kEnd);
}

TEST(ModelFolder, WhatIsPutAroundATextInUseIsTold) {
  EXPECT_THAT(folder_with(template_of({"<|begin|>"}, {})).untrained,
              ElementsAre(names("begins", "<|begin|>", "257", "add_special_tokens=False")));
  EXPECT_THAT(folder_with(template_of({}, {"<|pad|>"})).untrained,
              ElementsAre(names("ends", "<|pad|>", "258")));
  // The end of a document stands on both sides of one in training, too.
  const std::string end(kEndOfDocumentText);
  EXPECT_THAT(folder_with(template_of({end}, {end})).untrained, IsEmpty());
  const Json byte_level = {{"type", "ByteLevel"}, {"trim_offsets", false}};
  EXPECT_THAT(folder_with(byte_level).untrained, IsEmpty());
  const Json both = {
      {"type", "Sequence"},
      {"processors", {byte_level, template_of({end}, {}), template_of({"<|begin|>"}, {})}}};
  EXPECT_THAT(folder_with(both).untrained, ElementsAre(names("begins", "<|begin|>", "257")));
}

TEST(ModelFolder, AddBosTokenCountsToo) {
  const Json config = {{"bos_token", "<|begin|>"}, {"add_bos_token", true}};
  EXPECT_THAT(folder_of(tokenizer_file(), config).untrained,
              ElementsAre(names("begins", "<|begin|>")));
  EXPECT_THAT(folder_of(tokenizer_file(), {{"add_bos_token", true}}).untrained, IsEmpty());
  EXPECT_THAT(folder_of(tokenizer_file(), {{"bos_token", "<|begin|>"}}).untrained, IsEmpty());
}

TEST(ModelFolder, NamedTokensHaveTheirIds) {
  const ModelFolder folder = folder_of(tokenizer_file(), {{"bos_token", {{"content", "<|begin|>"}}},
                                                          {"eos_token", "<|endoftext|>"},
                                                          {"pad_token", "<|pad|>"}});
  EXPECT_EQ(folder.begin_of_text, 257);
  EXPECT_EQ(folder.padding, 258);
  EXPECT_THAT(folder.untrained, IsEmpty());
}

TEST(ModelFolder, TokensThatTheVocabularyLacksAreTold) {
  const ModelFolder folder =
      folder_of(tokenizer_file(),
                {{"pad_token", "<pad>"}, {"additional_special_tokens", {"<tool>", "<|begin|>"}}});
  EXPECT_EQ(folder.padding, std::nullopt);
  EXPECT_THAT(folder.untrained, ElementsAre(HasSubstr("<pad>, <tool>")));
}

TEST(ModelFolder, AnotherEndThanTrainingsIsTold) {
  EXPECT_THAT(
      folder_of(tokenizer_file(), {{"eos_token", "<|pad|>"}}).untrained,
      ElementsAre(AllOf(HasSubstr("<|pad|> (id 258)"), HasSubstr("<|endoftext|> (id 256)"))));
}

TEST(ModelFolder, ConfigurationSaysWhatWasTrained) {
  Json file = tokenizer_file();
  const Json given = {
      {"chat_template", "{{ x }}"}, {"model_max_length", 131072}, {"add_prefix_space", true}};
  const Json config = Json::parse(folder_of(file, given).config_json);
  EXPECT_EQ(config["model_max_length"], 64);
  EXPECT_EQ(config["add_prefix_space"], false);
  EXPECT_EQ(config["model_input_names"], Json::array({"input_ids", "attention_mask"}));
  EXPECT_EQ(config["eos_token"], "<|endoftext|>");
  EXPECT_EQ(config["chat_template"], "{{ x }}");
  file["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_EQ(Json::parse(folder_of(file).config_json)["add_prefix_space"], true);
}

}  // namespace
}  // namespace superpose::tokenizer
