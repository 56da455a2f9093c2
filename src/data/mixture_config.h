// The [[mixture]] entries of a recipe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "corpus/data_config.h"

namespace superpose::data {

// One entry of a recipe's [[mixture]]: a corpus of its own, read in a share of the rows
// (docs/formats/mixture.md). A recipe without any entry reads the one corpus of [data].
struct MixtureConfig {
  std::string name;
  std::vector<std::string> sources;
  std::optional<double> weight;
  double max_epochs = 0;
  std::int64_t max_tokens = 0;
  std::string format;
  std::string document_separator;
  std::string text_field;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.order().field("name", self.name,
                    "what phases, records and messages call it: letters, digits, - and _");
    v.corpus().field("sources", self.sources, "files, folders, globs, as in data.sources");
    v.order().field(
        "weight", self.weight,
        "share of the tokens read, before scaling to sum 1; auto = its number of tokens");
    v.order().field("max_epochs", self.max_epochs,
                    "passes over it at most, may be fractional; 0 = no limit, or 1 where "
                    "data.when_exhausted = \"stop\"");
    v.order().field("max_tokens", self.max_tokens,
                    "tokens read of it at most, all epochs; 0 = no limit");
    v.corpus().field("format", self.format, "overrides data.format; empty = as there");
    v.corpus().field("document_separator", self.document_separator,
                     "overrides data.document_separator; empty = as there");
    v.corpus().field("text_field", self.text_field, "overrides data.text_field; empty = as there");
  }

  // Throws util::Error "<key>: rule, got value" (key relative to the entry).
  void validate() const;
};

// What holds for the list as a whole: no name twice, weights for all sources or for none, one of
// them positive, and no text in [data] that no entry would read. Throws util::Error.
void check_mixture(const std::vector<MixtureConfig>& mixture, const corpus::DataConfig& data);

// [data] as it holds for one entry.
corpus::DataConfig data_config_of(const MixtureConfig& entry, const corpus::DataConfig& data);

}  // namespace superpose::data
