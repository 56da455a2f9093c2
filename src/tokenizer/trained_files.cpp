#include "tokenizer/trained_files.h"

#include <algorithm>

#include "tokenizer/bytes.h"
#include "util/json.h"

namespace superpose::tokenizer {
namespace {

using util::Json;

Json added_tokens(const TrainedBpe& trained) {
  Json added = Json::array();
  for (std::int64_t id = 0; id < trained.num_special; ++id) {
    added.push_back({{"id", id},
                     {"content", trained.tokens[static_cast<std::size_t>(id)]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  return added;
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", use_regex}};
}

// ByteLevel's own expression is GPT-2's; any other is a step of its own in front.
Json pre_tokenizer(SplitPattern pattern) {
  if (pattern == SplitPattern::kGpt2) return byte_level(true);
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", split_expression(pattern)}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level(false)})}};
}

Json model(const TrainedBpe& trained) {
  Json vocabulary = Json::object();
  auto& entries = vocabulary.get_ref<Json::object_t&>();
  entries.reserve(trained.tokens.size());
  for (std::size_t id = 0; id < trained.tokens.size(); ++id) {
    entries.emplace_back(trained.tokens[id], id);  // operator[] would look through all of them
  }
  Json merges = Json::array();
  for (const auto& [first, second] : trained.merges) {
    merges.push_back(Json::array({trained.tokens[first], trained.tokens[second]}));
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(merges)}};
}

}  // namespace

std::string trained_tokenizer_json(const TrainedBpe& trained) {
  const Json tokenizer = {
      {"version", "1.0"},          {"truncation", nullptr},
      {"padding", nullptr},        {"added_tokens", added_tokens(trained)},
      {"normalizer", nullptr},     {"pre_tokenizer", pre_tokenizer(trained.pattern)},
      {"post_processor", nullptr}, {"decoder", byte_level(false)},
      {"model", model(trained)}};
  return tokenizer.dump(2) + "\n";
}

std::string end_of_document_text(const TrainedBpe& trained) {
  if (trained.num_special == 0) return "";
  const auto end = trained.tokens.begin() + trained.num_special;
  const auto usual = std::find(trained.tokens.begin(), end, kEndOfDocumentText);
  return usual == end ? trained.tokens.front() : *usual;
}

std::string trained_tokenizer_config_json(const TrainedBpe& trained) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false},
                 {"add_prefix_space", false}};
  const std::string end = end_of_document_text(trained);
  if (!end.empty()) config["eos_token"] = end;
  return config.dump(2) + "\n";
}

}  // namespace superpose::tokenizer
