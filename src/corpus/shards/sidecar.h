// corpus.json, which describes a prepared corpus.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/data_config.h"
#include "corpus/shards/shard_writer.h"
#include "tokenizer/load.h"

namespace superpose::corpus {

inline constexpr std::int64_t kCorpusSchema = 3;
// Next to the sidecar (util::kCorpusFile): the tokenizer, as a model folder has it, and i32 bytes
// of text that each id stands for.
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

// Whole documents that lie in the training shards and are not read.
struct LeftOutDocuments {
  std::vector<std::int64_t> documents;  // numbers in the shards, ascending
  std::int64_t bytes = 0;               // of their text
  std::int64_t tokens = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("documents", self.documents);
    v.required("bytes", self.bytes);
    v.required("tokens", self.tokens);
  }
};

// A file of the folder that no shard is: the tokenizer, and what its ids stand for.
struct SidecarFile {
  std::string name;
  std::uint64_t hash = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.required("xxh3", self.hash);
  }
};

// corpus.json of a prepared corpus (docs/formats/shards.md).
struct Sidecar {
  std::string key;
  std::string request_key;  // of what was asked for, whatever the files were
  SidecarTokenizer tokenizer;
  // Of sources that are read in place, as data.format names it; empty where there are shards.
  std::string token_format;
  SidecarSplit train;
  SidecarSplit validation;
  LeftOutDocuments left_out;
  // What validation holds was copied out of the training files, of which it is left out.
  bool held_out_apart = false;
  bool held_out_ends = false;      // namely the end of each document
  std::string validation_halves;   // a letter A or B for each validation document
  std::vector<SidecarFile> files;  // next to it
  std::vector<SourceRecord> sources;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("key", self.key);
    v.required("request_key", self.request_key);
    v.required("tokenizer", self.tokenizer);
    v.optional("token_format", self.token_format);
    v.required("train", self.train);
    v.required("validation", self.validation);
    v.optional("left_out", self.left_out);
    v.optional("held_out_apart", self.held_out_apart);
    v.optional("held_out_ends", self.held_out_ends);
    v.required("validation_halves", self.validation_halves);
    v.required("files", self.files);
    v.required("sources", self.sources);
  }
};

// 16 hexadecimal digits of what a split holds: the content hashes of its documents in order, then
// the halves, then the tokenizer and its end of document unless that is bytes, then how special
// tokens are read unless they are text.
std::string fingerprint_of(std::span<const std::uint64_t> contents, std::string_view halves,
                           const SidecarTokenizer& tokenizer);

// Sets the fingerprints of both splits from the content hashes of their documents. Of documents
// whose ends are held out, what is trained on depends on those, too.
void set_fingerprints(Sidecar& sidecar, std::vector<std::uint64_t> training,
                      std::span<const std::uint64_t> held_out);

SidecarTokenizer describe(const tokenizer::LoadedTokenizer& tokenizer,
                          SpecialTokens special_tokens = SpecialTokens::kAsText);

std::string to_json(const Sidecar& sidecar);

// The sidecar and the tokenizer's files next to it, which it is made to list; the sidecar last.
void write_sidecar(const std::filesystem::path& folder, Sidecar sidecar,
                   const tokenizer::LoadedTokenizer& tokenizer);

// Throws util::Error naming the file where it is not a sidecar of this schema.
Sidecar read_sidecar(const std::filesystem::path& folder);

}  // namespace superpose::corpus
