#include "corpus/data_config.h"

#include "util/error.h"
#include "util/resources.h"

namespace superpose::corpus {

void DataConfig::validate() const {
  using util::require;
  require(validation_share > 0 && validation_share <= 0.5,
          "data.validation_share: must be above 0 and at most 0.5, got ", validation_share);
  unescape_separator("data.document_separator", document_separator);
  require(!text_field.empty(), "data.text_field: must name a field");
  require(!tokenizer.empty(), "data.tokenizer: must be \"bytes\" or a file");
  require(min_document_bytes >= 0, "data.min_document_bytes: must be >= 0, got ",
          min_document_bytes);
  require(max_document_bytes == 0 || max_document_bytes >= min_document_bytes,
          "data.max_document_bytes: must be 0 or >= data.min_document_bytes (", min_document_bytes,
          "), got ", max_document_bytes);
  require(shard_tokens >= 1, "data.shard_tokens: must be >= 1, got ", shard_tokens);
  require(threads >= 0 && threads <= util::kMostThreads, "data.threads: must lie in [0, ",
          util::kMostThreads, "], got ", threads);
  require(block_tokens >= 0, "data.block_tokens: must be >= 0, got ", block_tokens);
  require(lanes >= 1, "data.lanes: must be >= 1, got ", lanes);
  require(document_aware || !reset_attention,
          "data.reset_attention: needs data.document_aware = true, got false");
  require(document_aware || !reset_positions,
          "data.reset_positions: needs data.document_aware = true, got false");
  require(prefetch >= 1, "data.prefetch: must be >= 1, got ", prefetch);
}

}  // namespace superpose::corpus
