// The [data] section of a recipe. Each key says its role; one of the corpus also goes into
// update_settings or request_key (prepare_plan.cpp), which data_keys_test checks.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/readers/read_options.h"
#include "corpus/tokens/token_format.h"

namespace superpose::corpus {

// What a run does when it has read its corpus once.
enum class WhenExhausted { kContinue, kStop };
inline constexpr std::array<std::string_view, 2> kWhenExhaustedNames{"continue", "stop"};

inline constexpr std::array<std::string_view, 2> kBadRecordNames{"error", "skip"};

// What becomes of the text of a special token ("<|endoftext|>") inside a document.
enum class SpecialTokens { kAsText, kRecognise };
inline constexpr std::array<std::string_view, 2> kSpecialTokensNames{"as_text", "recognise"};

// What becomes of a document that is not UTF-8. A byte-level tokenizer has ids for any bytes, so
// nothing is lost by keeping it.
enum class InvalidUtf8 { kKeep, kReplace, kSkip, kError };
inline constexpr std::array<std::string_view, 4> kInvalidUtf8Names{"keep", "replace", "skip",
                                                                   "error"};

// What becomes of a file that holds no text and that no reader reads: an image, an archive, ...
// kAuto: an error where it is named itself, left out where a folder, a glob or a distribution has
// it. kKeep: its bytes are text.
enum class OnBinary { kAuto, kError, kSkip, kKeep };
inline constexpr std::array<std::string_view, 4> kOnBinaryNames{"auto", "error", "skip", "keep"};

struct DataConfig {
  std::vector<std::string> sources;
  std::vector<std::string> python_distributions;
  std::string site_packages;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  TokenFormat format = TokenFormat::kAuto;
  std::string document_separator;
  std::string text_field = "text";
  BadRecord on_bad_record = BadRecord::kError;
  InvalidUtf8 on_invalid_utf8 = InvalidUtf8::kKeep;
  OnBinary on_binary = OnBinary::kAuto;
  std::int64_t min_document_bytes = 0;
  std::int64_t max_document_bytes = 0;
  bool deduplicate = false;
  std::string tokenizer = "bytes";
  std::string end_of_document;
  SpecialTokens special_tokens = SpecialTokens::kAsText;
  std::vector<std::string> validation;
  double validation_share = 0.01;
  std::int64_t block_tokens = 0;
  std::int64_t lanes = 1024;
  bool document_aware = false;
  bool reset_attention = false;
  bool reset_positions = false;
  WhenExhausted when_exhausted = WhenExhausted::kContinue;
  std::string cache_dir;
  std::int64_t shard_tokens = std::int64_t{1} << 28;
  std::int64_t threads = 0;
  std::int64_t prefetch = 4;
  // Not a key: the folder of the recipe, where relative paths of what is read are looked for that
  // the current folder does not have. Empty = nowhere else.
  std::string recipe_folder = {};
  // Not a key: what messages call `sources`; empty = nothing.
  std::string sources_key = "data.sources";

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.corpus().field("sources", self.sources,
                     "text or source files, folders, globs (** crosses folders)");
    v.corpus().field("python_distributions", self.python_distributions,
                     "installed Python distributions whose files are read, by their RECORD");
    v.operational("site_packages", self.site_packages,
                  "folder that holds them; empty = that of the environment built against");
    v.corpus().field("include", self.include,
                     "globs of files to take from folders and distributions; empty = all");
    v.corpus().field("exclude", self.exclude, "globs of files to leave out of them");
    v.corpus().choice(
        "format", self.format, kTokenFormatNames,
        "layout of sources that hold token ids; auto = text, JSON lines or Parquet by their "
        "names, .bin and .npy by how they begin");
    v.corpus().field(
        "document_separator", self.document_separator,
        "text between two documents of a file (\\n a line end, CR LF too); empty = a file is one "
        "document");
    v.corpus().field(
        "text_field", self.text_field,
        "JSON lines and Parquet: dotted path of the field or column that holds the text");
    v.corpus().choice("on_bad_record", self.on_bad_record, kBadRecordNames,
                      "a line or row without such a text: error, or skip and count it");
    v.corpus().choice(
        "on_invalid_utf8", self.on_invalid_utf8, kInvalidUtf8Names,
        "a document that is not UTF-8: keep its bytes, replace what is wrong by U+FFFD, skip "
        "and count it, or error");
    v.added().corpus().choice(
        "on_binary", self.on_binary, kOnBinaryNames,
        "a file that holds no text (an image, an archive): auto = error where it is named "
        "itself, left out and counted where it is found in a folder; error, skip, or keep its "
        "bytes as text");
    v.corpus().field("min_document_bytes", self.min_document_bytes,
                     "shorter documents are left out and counted");
    v.corpus().field("max_document_bytes", self.max_document_bytes,
                     "longer documents are left out and counted; 0 = none");
    v.corpus().field("deduplicate", self.deduplicate,
                     "of documents with the same text, only the first is taken");
    v.corpus().field("tokenizer", self.tokenizer,
                     "bytes, or a tokenizer.json, a folder that holds one, or a tiktoken file");
    v.corpus().field("end_of_document", self.end_of_document,
                     "text of the token that ends a document, any of the vocabulary; empty = the "
                     "tokenizer's own");
    v.corpus().choice(
        "special_tokens", self.special_tokens, kSpecialTokensNames,
        "text of a special token inside a document: text like any other, or that token");
    v.corpus().field(
        "validation", self.validation,
        "files, folders, globs held out for validation; empty = validation_share decides");
    v.corpus().field(
        "validation_share", self.validation_share,
        "share held out: documents drawn by the hash of their content; of too few documents, "
        "the end of each");
    v.order().field(
        "block_tokens", self.block_tokens,
        "tokens of the blocks that an epoch shuffles; 0 = 65536, fewer for a small corpus");
    v.order().field(
        "lanes", self.lanes,
        "equal parts of the corpus read in parallel; fewer are used for a small corpus");
    v.order().field("document_aware", self.document_aware,
                    "bags and targets do not reach from one document into the next");
    v.field("reset_attention", self.reset_attention,
            "no document attends to another in its row; needs document_aware");
    v.field("reset_positions", self.reset_positions,
            "positions count from the start of each document; needs document_aware");
    v.order().choice("when_exhausted", self.when_exhausted, kWhenExhaustedNames,
                     "after one epoch: continue with the next, or stop");
    v.operational("cache_dir", self.cache_dir,
                  "folder for prepared token shards; empty = the program's cache folder");
    v.operational("shard_tokens", self.shard_tokens,
                  "start a new shard file after this many tokens (documents are not split)");
    v.operational("threads", self.threads, "threads that tokenize a corpus; 0 = all cores");
    v.operational("prefetch", self.prefetch, "steps read ahead of the training thread");
  }

  // Throws util::Error naming the first key with an impossible value.
  void validate() const;
};

}  // namespace superpose::corpus
