#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/corpus.h"
#include "data/data_config.h"
#include "data/shard_writer.h"
#include "tokenizer/load.h"

namespace superpose::data {

inline constexpr std::int64_t kCorpusSchema = 3;
inline constexpr const char* kSidecarName = "corpus.json";
// Beside it: the tokenizer, as a model folder has it, and i32 bytes of text that each id stands
// for.
inline constexpr const char* kTokenizerName = "tokenizer.json";
inline constexpr const char* kTokenizerConfigName = "tokenizer_config.json";
inline constexpr const char* kBytesPerIdName = "bytes_per_id.i32";

struct SidecarTokenizer {
  std::string name;        // as in the recipe
  std::uint64_t hash = 0;  // of what decides the ids
  std::int64_t vocabulary_size = 0;
  std::int64_t padded_vocabulary_size = 0;
  std::int64_t end_of_document = 0;
  std::string special_tokens = {};  // as data.special_tokens; empty = "as_text"

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.required("xxh3", self.hash);
    v.required("vocabulary_size", self.vocabulary_size);
    v.required("padded_vocabulary_size", self.padded_vocabulary_size);
    v.required("end_of_document", self.end_of_document);
    v.optional("special_tokens", self.special_tokens);
  }
};

struct SidecarSplit {
  SplitStats stats;
  std::string fingerprint;
  std::vector<ShardInfo> shards;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    SplitStats::visit(self.stats, v);
    v.required("fingerprint", self.fingerprint);
    v.required("shards", self.shards);
  }
};

// corpus.json of a prepared corpus (docs/formats/shards.md).
struct Sidecar {
  std::string key;
  SidecarTokenizer tokenizer;
  // Of sources that are read in place, as data.format names it; empty where there are shards.
  std::string token_format;
  SidecarSplit train;
  SidecarSplit validation;
  std::string validation_halves;  // a letter A or B for each validation document
  std::vector<SourceRecord> sources;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("key", self.key);
    v.required("tokenizer", self.tokenizer);
    v.optional("token_format", self.token_format);
    v.required("train", self.train);
    v.required("validation", self.validation);
    v.required("validation_halves", self.validation_halves);
    v.required("sources", self.sources);
  }
};

// 16 hexadecimal digits of what a split holds: the content hashes of its documents in order, then
// the halves, then the tokenizer and its end of document unless that is bytes, then how special
// tokens are read unless they are text.
std::string fingerprint_of(std::span<const std::uint64_t> contents, std::string_view halves,
                           const SidecarTokenizer& tokenizer);

SidecarTokenizer describe(const tokenizer::LoadedTokenizer& tokenizer,
                          SpecialTokens special_tokens = SpecialTokens::kAsText);

std::string to_json(const Sidecar& sidecar);

// The sidecar and the tokenizer's files beside it; the sidecar last.
void write_sidecar(const std::filesystem::path& folder, const Sidecar& sidecar,
                   const tokenizer::LoadedTokenizer& tokenizer);

// Throws util::Error naming the file where it is not a sidecar of this schema.
Sidecar read_sidecar(const std::filesystem::path& folder);

}  // namespace superpose::data
