#include "data/data_config.h"

#include "util/error.h"

namespace superpose::data {

void DataConfig::validate() const {
  using util::require;
  require(validation_share > 0 && validation_share < 1,
          "data.validation_share: must lie between 0 and 1, got ", validation_share);
  require(block_tokens >= 0, "data.block_tokens: must be >= 0, got ", block_tokens);
  require(lanes >= 1, "data.lanes: must be >= 1, got ", lanes);
  require(document_aware || !reset_attention,
          "data.reset_attention: needs data.document_aware = true, got false");
  require(document_aware || !reset_positions,
          "data.reset_positions: needs data.document_aware = true, got false");
  require(prefetch >= 1, "data.prefetch: must be >= 1, got ", prefetch);
}

}  // namespace superpose::data
