#pragma once

#include <cstdint>
#include <string>

#include "data/content_set.h"
#include "data/data_config.h"
#include "data/prepare_options.h"
#include "data/source_record.h"

namespace superpose::data {

// Where a document goes.
enum class Fate : std::uint8_t { kTraining, kValidation, kNowhere };

// Decides the fate of each document of a corpus, in the order of the corpus: by its text, and by
// what came before where duplicates go.
class DocumentRules {
 public:
  // Both outlive the rules.
  DocumentRules(const DataConfig& config, const PrepareOptions& options);

  // data.validation names a document with this text: training documents with the same are left
  // out, if the rules let it through at all. May change `text`.
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
  const PrepareOptions& options_;
  ContentSet left_out_;
  ContentSet written_;  // used where duplicates go
};

}  // namespace superpose::data
