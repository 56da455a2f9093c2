#pragma once

#include <cstdint>
#include <string>

#include "data/content_set.h"
#include "data/data_config.h"
#include "data/source_record.h"

namespace superpose::data {

// Where a document goes.
enum class Fate : std::uint8_t { kTraining, kValidation, kNowhere };

// Decides the fate of each document of a corpus, in the order of the corpus: by its text, and by
// what came before where duplicates go.
class DocumentRules {
 public:
  // `all_held_out`: every document becomes a validation document.
  DocumentRules(const DataConfig& config, bool all_held_out);

  // Training documents with this content are left out.
  void leave_out(std::uint64_t content) { left_out_.insert(content); }
  // The same for a document that data.validation names, if its own rules let it through.
  void leave_out_copies_of(std::string& text);
  // A document with this content was written before.
  void remember(std::uint64_t content);

  // Counts the document where it goes nowhere, gives its content hash where it goes somewhere.
  // `text` is changed where data.on_invalid_utf8 says so. `held_out`: data.validation names its
  // file. Throws util::Error "is not UTF-8 ..." where the recipe wants that.
  Fate decide(std::string& text, bool held_out, std::uint64_t& content, DocumentCounts& counts);

 private:
  // Whether the text itself lets the document through.
  bool passes(std::string& text, DocumentCounts& counts) const;
  bool passes_utf8(std::string& text, DocumentCounts& counts) const;
  bool is_held_out(std::uint64_t content, bool held_out) const;

  const DataConfig& config_;
  bool all_held_out_;
  ContentSet left_out_;
  ContentSet written_;  // used where duplicates go
};

}  // namespace superpose::data
