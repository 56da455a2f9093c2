// Which files a run has read, so that a resumed run can name what has changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace superpose::corpus {

struct SourceRecord;

// One file of a corpus as it was read.
struct CorpusFile {
  std::string name;  // as in the corpus, below the source's name in a mixture: "books/a.txt"
  std::int64_t bytes = 0;
  std::uint64_t hash = 0;  // XXH3-64 of the whole file

  bool operator==(const CorpusFile&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.required("bytes", self.bytes);
    v.required("xxh3", self.hash);
  }
};

// What a run read, file by file: trainer/corpus.json of a checkpoint. It names what changed where a
// fingerprint says that something did.
struct CorpusRecord {
  std::string fingerprint;             // of the training documents
  std::string validation_fingerprint;  // of the held-out ones
  std::vector<CorpusFile> files;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("fingerprint", self.fingerprint);
    v.required("validation_fingerprint", self.validation_fingerprint);
    v.required("files", self.files);
  }
};

// "a, b, c": at most five names, then how many more.
std::string name_some(std::vector<std::string> names);

// Appends a source, and the files that are read with it, below a prefix.
void append_files(const std::string& prefix, const SourceRecord& source,
                  std::vector<CorpusFile>& files);

// "changed a.txt, b.txt; removed c.txt; added d.txt": at most five names each, then how many more.
// Where every file is the same, says so.
std::string describe_changes(const std::vector<CorpusFile>& before,
                             const std::vector<CorpusFile>& now);

}  // namespace superpose::corpus
