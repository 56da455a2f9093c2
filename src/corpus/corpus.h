// Prepared corpora: make one from a recipe's [data] section, open it, find it again, verify it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/data_config.h"
#include "corpus/prepare/prepare_options.h"
#include "corpus/shards/split_stats.h"
#include "corpus/shards/token_shards.h"
#include "corpus/sources/source_record.h"
#include "util/error.h"

namespace superpose::corpus {

// Validation documents are split in two by hash: learning rates are chosen on half A, results
// quoted on half B.
enum class Half : std::uint8_t { kA, kB };

// What a checkpoint carries of the tokenizer that made a corpus.
struct TokenizerFiles {
  std::string tokenizer_json;
  std::string tokenizer_config_json;
  std::int64_t end_of_document = 0;
};

// A corpus in its cache folder, opened.
struct PreparedCorpus {
  std::shared_ptr<const TokenShards> train;
  std::shared_ptr<const TokenShards> validation;
  std::vector<Half> validation_halves;             // of each validation document
  std::vector<std::uint64_t> validation_contents;  // content hash of each, in the same order
  std::vector<SourceRecord> sources;
  TokenizerFiles tokenizer;
  // [vocabulary_size] bytes of text that each id stands for; 0 for special ones.
  std::vector<std::int32_t> bytes_per_id;
  SplitStats train_stats;
  SplitStats validation_stats;
  double held_out_share = 0;            // validation bytes / all bytes
  std::int64_t left_out_documents = 0;  // of training, with the content of a validation document
  std::vector<std::int64_t> left_out;   // numbers of those that lie between the others
  // The validation documents are parts of training files that the records count as training alone;
  // namely the end of each training document.
  bool held_out_apart = false;
  bool held_out_ends = false;
  // 16 hexadecimal digits each, of what the shards hold (document borders and text, in order):
  // independent of paths, times and machine.
  std::string fingerprint;                  // training documents
  std::string validation_fingerprint;       // validation documents and their halves
  std::int64_t vocabulary_size = 0;         // largest id + 1: 257 for bytes
  std::int64_t padded_vocabulary_size = 0;  // rows of the embedding: 320 for bytes
  std::filesystem::path folder;
  bool was_cached = false;
};

// Called before the first document, then now and then, from the calling thread.
struct PrepareProgress {
  std::int64_t sources_done = 0;
  std::int64_t num_sources = 0;
  std::int64_t bytes_done = 0;  // of the files as they lie on the disk
  std::int64_t num_bytes = 0;   // likewise
  std::int64_t text_bytes = 0;  // of the documents written
  std::int64_t documents = 0;
  std::int64_t tokens = 0;
  std::string_view note = {};  // something to tell the user, once; else empty
  bool begins = false;         // the first of a part; a corpus has several where it is put together
};
// Thrown by a callback where the user asked a preparation to stop: the same call continues it.
class PreparationStopped : public util::Error {
 public:
  using Error::Error;
};
using PrepareCallback = std::function<void(const PrepareProgress&)>;

// Tokenizes the sources into shards under config.cache_dir, or opens what lies there for the same
// sources (path, size, time of each), settings and tokenizer. The folder appears whole or not at
// all; a preparation that was interrupted is continued, and one that another process works on is
// waited for. The shards are the same for any number of threads and interruptions. Where sources
// are gone and nothing else changed, what was prepared of them is opened.
//
// Held-out documents are drawn by the hash of their content alone (so copies of one document fall
// on one side), or are those of config.validation; where too few are drawn, the ends of documents
// are held out (corpus_builder.h). A training document with the content of a held-out one is left
// out. Empty documents are left out. Memory is bounded by the threads and the largest document, and
// 16 bytes per document of the corpus (docs/formats/preparing.md).
//
// `progress` may throw: what was done until then is kept.
//
// Throws util::Error: no source named; a missing or unreadable file, or one that changes meanwhile;
// a distribution that is not installed; an empty corpus; nothing held out where something has to
// be; a full disk (the next call continues from what is written).
PreparedCorpus prepare_corpus(const DataConfig& config, const PrepareCallback& progress = {},
                              const PrepareOptions& options = {});

// What PreparedCorpus has as vocabulary_size and padded_vocabulary_size, of the tokenizer alone.
// Throws util::Error as tokenizer::load_tokenizer does.
struct VocabularySize {
  std::int64_t ids = 0, padded = 0;
};
VocabularySize vocabulary_size(const DataConfig& config);

// Opens a prepared folder without looking at its sources.
PreparedCorpus open_corpus(const std::filesystem::path& folder);

// The files of a prepared folder that hold its held-out documents: shards, or token files that are
// read in place.
std::vector<TokenFile> open_held_out(const std::filesystem::path& folder);

struct CorpusSearch {
  std::optional<std::filesystem::path> folder;
  std::vector<std::string> passed_over;  // why a folder's sidecar could not be read, a line each
};

// The folder that prepare_corpus made last for such a recipe, whatever became of the files since;
// none where it made none. Documents that the options leave out do not count. Reads no source.
CorpusSearch find_corpus(const DataConfig& config, const PrepareOptions& options = {});

struct VerifyReport {
  std::int64_t shards = 0;
  std::int64_t sources = 0;                  // re-read and equal
  std::vector<std::string> changed_sources;  // their content is no longer what the shards hold
  std::vector<std::string> missing_sources;
};

// Hashes every shard and every source again. Throws util::Error naming the file where a shard is
// not what the sidecar says; sources that changed or went away since are listed in the result.
VerifyReport verify_corpus(const std::filesystem::path& folder);

}  // namespace superpose::corpus
