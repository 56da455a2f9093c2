// How far a preparation has come, on disk, so that it can be resumed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "corpus/prepare/batch_reader.h"
#include "corpus/shards/split_writer.h"
#include "corpus/sources/source_record.h"

namespace superpose::corpus {

inline constexpr const char* kJournalName = "journal.json";
inline constexpr const char* kSourceRecordsName = "sources.jsonl";  // of finished files, until done

// What a preparation is of.
struct JournalHeader {
  std::string key;          // of the corpus: settings and sources
  std::string sources_key;  // of names, sizes and times of the files alone
  std::string names_key;    // of their names alone

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("key", self.key);
    v.required("sources_key", self.sources_key);
    v.required("names_key", self.names_key);
  }
};

// journal.json of an unfinished corpus (docs/formats/shards.md): everything up to here is on the
// disk, whatever lies behind it in the files may be damaged.
struct PreparationJournal {
  JournalHeader header;
  // What is held out where data.validation_share draws too few documents (corpus_builder.h).
  double share = 0;             // documents are drawn by this one; 0 = by the recipe's
  bool holds_out_ends = false;  // no document is drawn, but the end of each held out
  ReadPosition place;
  DocumentCounts counts;                 // of the file that `place` lies in
  std::int64_t bytes_read = 0;           // of it, for progress
  std::int64_t source_record_bytes = 0;  // of sources.jsonl
  SplitProgress train;
  SplitProgress validation;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    JournalHeader::visit(self.header, v);
    v.optional("share", self.share);
    v.optional("holds_out_ends", self.holds_out_ends);
    v.required("source", self.place.source);
    v.required("records", self.place.records);
    v.required("counts", self.counts);
    v.required("bytes_read", self.bytes_read);
    v.required("source_record_bytes", self.source_record_bytes);
    v.required("train", self.train);
    v.required("validation", self.validation);
  }
};

void write_journal(const std::filesystem::path& folder, const PreparationJournal& journal);

// None where the folder has none. Throws util::Error naming a file that is not a journal.
std::optional<PreparationJournal> read_journal(const std::filesystem::path& folder);

}  // namespace superpose::corpus
