// What the sidecar records of each file of a corpus.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "corpus/shards/token_range.h"

namespace superpose::corpus {

// What became of the documents of a file.
struct DocumentCounts {
  std::int64_t documents = 0;  // written to the shards, in either split
  std::int64_t text_bytes = 0;
  std::int64_t tokens = 0;  // with the end-of-document tokens
  std::int64_t empty = 0;   // and so on: left out, and why
  std::int64_t bad_records = 0;
  std::int64_t filtered = 0;    // shorter or longer than allowed
  std::int64_t duplicates = 0;  // of a document that came before
  std::int64_t left_out = 0;    // training documents with the content of a held-out one
  // Not UTF-8: kept, replaced or skipped as data.on_invalid_utf8 says; only the skipped are not
  // among `documents`.
  std::int64_t invalid_utf8 = 0;
  // Of `documents`, those in the validation split; not recorded by earlier versions.
  std::int64_t held_out = 0;

  DocumentCounts& operator+=(const DocumentCounts& other);

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("documents", self.documents);
    v.required("text_bytes", self.text_bytes);
    v.required("tokens", self.tokens);
    v.required("empty", self.empty);
    v.required("bad_records", self.bad_records);
    v.required("filtered", self.filtered);
    v.required("duplicates", self.duplicates);
    v.required("left_out", self.left_out);
    v.required("invalid_utf8", self.invalid_utf8);
    v.optional("held_out_documents", self.held_out);
  }
};

// A file that is read with another one: Megatron's .idx.
struct FileRecord {
  std::string path;  // absolute
  std::int64_t bytes = 0;
  std::uint64_t hash = 0;  // XXH3 of the file
  std::int64_t modified_ns = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("path", self.path);
    v.required("bytes", self.bytes);
    v.required("xxh3", self.hash);
    v.required("modified_ns", self.modified_ns);
  }
};

// One source file of a corpus.
struct SourceRecord {
  std::string name;              // independent of where the corpus lies
  std::string path;              // absolute
  std::int64_t bytes = 0;        // of the file
  std::uint64_t hash = 0;        // XXH3 of the file
  std::int64_t modified_ns = 0;  // since the file system's epoch; 0 = not recorded
  bool held_out = false;         // data.validation names it
  std::string left_out_as = {};  // what it is, where it was not read: "a PNG image"
  DocumentCounts counts;
  // Of a file that is read in place: what is not read of it, being held out or a copy of that.
  std::vector<TokenRange> left_out_at = {};
  std::vector<FileRecord> beside = {};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.required("path", self.path);
    v.required("bytes", self.bytes);
    v.required("xxh3", self.hash);
    v.optional("modified_ns", self.modified_ns);
    v.optional("held_out", self.held_out);
    v.unless_empty("left_out_as", self.left_out_as);
    DocumentCounts::visit(self.counts, v);
    v.unless_empty("left_out_at", self.left_out_at);
    v.unless_empty("beside", self.beside);
  }
};

}  // namespace superpose::corpus
