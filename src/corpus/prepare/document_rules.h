// Whether a document is trained on, held out or left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "corpus/data_config.h"
#include "corpus/prepare/content_set.h"
#include "corpus/prepare/prepare_options.h"
#include "corpus/sources/source_record.h"

namespace superpose::corpus {

// Where a document goes.
enum class DocumentUse : std::uint8_t { kTraining, kValidation, kNowhere };

// Decides for each document of a corpus, in order, whether it is trained on, held out or left out:
// by its text, and by what came before where duplicates are left out.
class DocumentRules {
 public:
  // `share`: of the documents that are drawn. The others outlive the rules.
  DocumentRules(double share, const DataConfig& config, const PrepareOptions& options);

  // The content hash of a document, none where the text itself does not let it through. May change
  // `text` as decide() does.
  std::optional<std::uint64_t> content_of(std::string& text, DocumentCounts& counts) const;
  // A document with this content was written before.
  void remember(std::uint64_t content);

  // Counts the document where it goes nowhere, gives its content hash where it goes somewhere.
  // `text` is changed where data.on_invalid_utf8 says so. Throws util::Error "is not UTF-8 ..."
  // where the recipe wants that.
  DocumentUse decide(std::string& text, std::uint64_t& content, DocumentCounts& counts);

 private:
  // Whether the text itself lets the document through.
  bool passes(std::string& text, DocumentCounts& counts) const;
  bool passes_utf8(std::string& text, DocumentCounts& counts) const;
  bool is_held_out(std::uint64_t content) const;

  double share_;
  const DataConfig& config_;
  const PrepareOptions& options_;
  ContentSet written_;  // used where duplicates are left out
};

// Where a document's content falls in [0, 1): it is held out below data.validation_share.
double draw_of(std::uint64_t content);

}  // namespace superpose::corpus
