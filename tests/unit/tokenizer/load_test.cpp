#include "tokenizer/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "support/names.h"
#include "support/privileges.h"
#include "support/shared.h"
#include "support/temp_dir.h"
#include "support/zstd.h"
#include "tokenizer/bytes.h"
#include "tokenizer/tiktoken.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using util::Json;

std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const util::Error& error) {
    return error.what();
  }
  return "accepted";
}

// The byte tokenizer with special tokens of these names, ids from 256 on.
std::string file_with_specials(const std::vector<std::string>& names) {
  Json file = Json::parse(byte_tokenizer_json());
  const Json token = file["added_tokens"][0];
  file["model"]["vocab"].erase(std::string(kEndOfDocumentText));
  file["added_tokens"] = Json::array();
  std::int32_t id = 256;
  for (const std::string& name : names) {
    file["added_tokens"].push_back(token);
    file["added_tokens"].back()["content"] = name;
    file["added_tokens"].back()["id"] = id++;
  }
  return file.dump();
}

TEST(Load, Bytes) {
  const LoadedTokenizer loaded = load_tokenizer("bytes");
  EXPECT_EQ(loaded.name, "bytes");
  EXPECT_EQ(loaded.end_of_document, kEndOfDocument);
  EXPECT_EQ(loaded.padded_vocabulary_size, kPaddedByteVocabulary);
  EXPECT_EQ(loaded.tokenizer.vocabulary_size(), kByteVocabulary);
  EXPECT_EQ(loaded.json, byte_tokenizer_json());
  EXPECT_EQ(loaded.config_json, byte_tokenizer_config_json());
  EXPECT_THAT(message_of([] { load_tokenizer("bytes", "</s>"); }), HasSubstr("</s>"));
}

TEST(Load, WhatMayNotBeReadIsNamed) {
  namespace fs = std::filesystem;
  const test::TempDir dir;
  fs::create_directory(dir / "folder");
  const std::vector<fs::path> files{dir / "a.json", dir / "cl100k_base.tiktoken",
                                    dir / "folder/tokenizer.json"};
  for (const fs::path& file : files) {
    util::write_file_atomic(file, byte_tokenizer_json());
    fs::permissions(file, fs::perms::none);
  }
  const test::WithoutPrivileges unprivileged(dir.path());
  if (!unprivileged.steps_down()) GTEST_SKIP() << test::kMayNotStepDown;
  for (const fs::path& file : files) {
    const bool in_folder = file.filename() == "tokenizer.json";
    const fs::path spec = in_folder ? file.parent_path() : file;
    EXPECT_THAT(message_of([&] { load_tokenizer(spec.string()); }),
                names(file.string(), "Permission denied"));
  }
}

TEST(Load, EndOfDocumentIsNamedOrConfiguredOrUsual) {
  const test::TempDir dir;
  const std::string path = dir.path().string();
  std::ofstream(dir / "tokenizer.json") << file_with_specials({"<|start|>", "</s>"});
  EXPECT_EQ(load_tokenizer(path).end_of_document, 257);
  EXPECT_EQ(load_tokenizer(path + "/tokenizer.json").end_of_document, 257);
  EXPECT_EQ(load_tokenizer(path, "<|start|>").end_of_document, 256);
  EXPECT_THAT(load_tokenizer(path).config_json, HasSubstr("</s>"));
  EXPECT_EQ(load_tokenizer(path).padded_vocabulary_size, 320);

  std::ofstream(dir / "tokenizer_config.json") << R"({"eos_token": {"content": "<|start|>"}})";
  EXPECT_EQ(load_tokenizer(path).end_of_document, 256);
  EXPECT_EQ(load_tokenizer(path).config_json, R"({"eos_token": {"content": "<|start|>"}})");
  std::ofstream(dir / "tokenizer_config.json") << R"({"eos_token": "<gone>"})";
  EXPECT_THAT(message_of([&] { load_tokenizer(path); }), names("\"<gone>\""));
  std::ofstream(dir / "tokenizer_config.json") << "[";
  EXPECT_THAT(message_of([&] { load_tokenizer(path); }), HasSubstr("tokenizer_config.json"));
}

TEST(Load, SpecialTokensMapFillsWhatTheConfigurationLacks) {
  const test::TempDir dir;
  const std::string path = dir.path().string();
  std::ofstream(dir / "tokenizer.json") << file_with_specials({"<s>", "<end>", "</s>"});
  std::ofstream(dir / "special_tokens_map.json")
      << R"({"bos_token": {"content": "<s>"}, "eos_token": "<end>", "pad_token": "</s>"})";
  // A usual name goes first, as it did before this file was read.
  EXPECT_EQ(load_tokenizer(path).end_of_document, 258);
  Json config = Json::parse(load_tokenizer(path).config_json);
  EXPECT_EQ(config["eos_token"], "</s>");
  EXPECT_EQ(config["bos_token"], "<s>");
  EXPECT_EQ(config["pad_token"], "</s>");

  std::ofstream(dir / "tokenizer.json") << file_with_specials({"<s>", "<end>"});
  std::ofstream(dir / "tokenizer_config.json") << R"({"bos_token": "<end>"})";
  EXPECT_EQ(load_tokenizer(path).end_of_document, 257);
  config = Json::parse(load_tokenizer(path).config_json);
  EXPECT_EQ(config["bos_token"], "<end>");
  EXPECT_EQ(config["eos_token"], "<end>");
  std::ofstream(dir / "special_tokens_map.json") << "[";
  EXPECT_THAT(message_of([&] { load_tokenizer(path); }), HasSubstr("special_tokens_map.json"));
}

TEST(Load, WithoutSpecialTokensAnyTokenMayEndADocument) {
  const test::TempDir dir;
  const std::string path = (dir / "t.json").string();
  std::ofstream(path) << file_with_specials({});
  EXPECT_THAT(message_of([&] { load_tokenizer(path); }), HasSubstr("data.end_of_document"));
  EXPECT_EQ(load_tokenizer(path, "\n").end_of_document, '\n');
}

TEST(Load, AsksWhereTheEndOfDocumentIsNotClear) {
  const test::TempDir dir;
  const std::string path = (dir / "t.json").string();
  std::ofstream(path) << file_with_specials({"<|im_start|>"});
  EXPECT_THAT(message_of([&] { load_tokenizer(path); }), HasSubstr("name one"));
  std::ofstream(path) << file_with_specials({"</s>", "<|endoftext|>"});
  EXPECT_THAT(message_of([&] { load_tokenizer(path); }), HasSubstr("<|endoftext|> or </s>"));
}

// Editors of Windows put it there; JSON readers of others refuse it, so it is not handed on.
TEST(Load, AByteOrderMarkIsPassedOver) {
  const test::TempDir dir;
  const std::string mark = "\xef\xbb\xbf";
  const std::string path = (dir / "tokenizer.json").string();
  std::ofstream(path) << file_with_specials({"</s>"});
  const LoadedTokenizer plain = load_tokenizer(path);
  std::ofstream(path) << mark + file_with_specials({"</s>"});
  const std::string config = R"({"eos_token": "</s>"})";
  std::ofstream(dir / "tokenizer_config.json") << mark + config;
  const LoadedTokenizer loaded = load_tokenizer(path);
  EXPECT_EQ(loaded.tokenizer.hash(), plain.tokenizer.hash());
  EXPECT_EQ(loaded.json, plain.json);
  EXPECT_EQ(loaded.config_json, config);
}

TEST(Load, SaysWhatAFileIsNot) {
  const test::TempDir dir;
  const std::string path = (dir / "spiece.model").string();
  std::ofstream(path) << "\n\x0E\n\x05<unk>\x15";
  EXPECT_THAT(message_of([&] { open_tokenizer(path); }), names(path, "tokenizer.json"));
  EXPECT_THAT(message_of([&] { open_tokenizer((dir / "none").string()); }),
              names("none", "no such"));
  EXPECT_THAT(message_of([&] { open_tokenizer(dir.path().string()); }),
              names("tokenizer.json", "no such file", "bytes"));
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const bool inside = at + i < bytes.size();
      bits = (bits << 8) | (inside ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += at + i > bytes.size() ? '=' : kDigits[(bits >> (18 - 6 * i)) & 63];
    }
  }
  return text;
}

std::string byte_ranks() {
  std::string lines;
  for (int byte = 0; byte < 256; ++byte) {
    lines += base64(std::string(1, static_cast<char>(byte))) + " " + std::to_string(byte) + "\n";
  }
  return lines;
}

std::vector<std::int32_t> encoded(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, SpecialText::kRecognise, ids);
  return ids;
}

TEST(Tiktoken, TokensAreMergedByRank) {
  const std::string ranks = byte_ranks() + base64("he") + " 256\n" + base64("th") + " 257\n" +
                            base64("the") + " 258\n" + base64(" x y") + " 259\n";
  const test::TempDir dir;
  const std::string path = (dir / "cl100k_base.tiktoken").string();
  std::ofstream(path) << ranks;
  const LoadedTokenizer loaded = load_tokenizer(path);
  EXPECT_THAT(encoded(loaded.tokenizer, "the th<|endoftext|>"), ElementsAre(258, ' ', 257, 100257));
  EXPECT_EQ(loaded.end_of_document, 100257);
  EXPECT_EQ(loaded.tokenizer.vocabulary_size(), 100277);
  // What goes into a model folder reads back as the same.
  EXPECT_EQ(Tokenizer::from_json(loaded.json, "again").hash(), loaded.tokenizer.hash());
}

TEST(Tiktoken, AByteOrderMarkIsPassedOver) {
  const test::TempDir dir;
  const std::string path = (dir / "gpt2.tiktoken").string();
  std::ofstream(path) << byte_ranks();
  const std::uint64_t hash = open_tokenizer(path).hash();
  std::ofstream(path) << "\xef\xbb\xbf" + byte_ranks();
  EXPECT_EQ(open_tokenizer(path).hash(), hash);
}

TEST(Tiktoken, ClearErrors) {
  const auto message = [](const std::string& ranks, const std::string& name = "a/gpt2.tiktoken") {
    return message_of([&] { rank_file_to_json(ranks, name); });
  };
  EXPECT_EQ(message(byte_ranks()), "accepted");
  EXPECT_THAT(message(byte_ranks(), "mine.tiktoken"), names("name the file"));
  EXPECT_THAT(message(byte_ranks() + "YQ== 300\n"), HasSubstr("gpt2.tiktoken:257: the token"));
  EXPECT_THAT(message(byte_ranks() + "YWE= 97\n"), names("rank", "97"));
  EXPECT_THAT(message(byte_ranks() + "YWE 300\n"), names(":257", "base64"));
  EXPECT_THAT(message(byte_ranks() + "YWE= -3\n"), HasSubstr(":257"));
  EXPECT_THAT(message(byte_ranks() + "YWE=\n"), HasSubstr(":257"));
  EXPECT_THAT(message(byte_ranks() + "YWE= 50256\n"), names("50256", "<|endoftext|>"));
  EXPECT_THAT(message("YQ== 0\n"), names("byte 0"));
}

// GPT-2's vocabulary as a rank file: the ids of its own tokenizer.json.
TEST(Tiktoken, Gpt2GivesItsOwnIds) {
  if (!test::has_shared("golden/tokenizers")) GTEST_SKIP() << test::missing_shared("golden");
  const auto source = test::shared_path("data/tokenizers/gpt2-tokenizer.json");
  // Not Json: that one keeps the order of members and looks through all of them for each new one.
  const auto file = nlohmann::json::parse(util::read_file(source));
  std::string ranks;
  for (const auto& [text, id] : file["model"]["vocab"].items()) {
    std::string bytes;
    ASSERT_TRUE(append_bytes_of(text, bytes));
    if (text != kEndOfDocumentText)
      ranks += base64(bytes) + " " + std::to_string(id.get<int>()) + "\n";
  }
  const test::TempDir dir;
  std::ofstream(dir / "gpt2.tiktoken") << ranks;
  const Tokenizer theirs = Tokenizer::from_json(util::read_file(source), source);
  const Tokenizer ours = open_tokenizer((dir / "gpt2.tiktoken").string());
  EXPECT_EQ(ours.vocabulary_size(), theirs.vocabulary_size());
  const auto strings = test::unpacked(test::shared_path("golden/tokenizers/strings.jsonl.zst"));
  for (const std::string& line : test::lines_of(strings)) {
    const auto text = Json::parse(line).at("text").get<std::string>();
    EXPECT_EQ(encoded(ours, text), encoded(theirs, text)) << line;
  }
}

}  // namespace
}  // namespace superpose::tokenizer
