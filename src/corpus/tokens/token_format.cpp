#include "corpus/tokens/token_format.h"

#include <algorithm>
#include <vector>

#include "util/text.h"

namespace superpose::corpus {

std::optional<TokenFormat> token_format_of(std::string_view name) {
  const auto found = std::find(kTokenFormatNames.begin(), kTokenFormatNames.end(), name);
  if (found == kTokenFormatNames.end()) return std::nullopt;
  return static_cast<TokenFormat>(found - kTokenFormatNames.begin());
}

std::string token_format_list() {
  const std::vector<std::string> names(kTokenFormatNames.begin(), kTokenFormatNames.end());
  return util::join(names, ", ");
}

}  // namespace superpose::corpus
