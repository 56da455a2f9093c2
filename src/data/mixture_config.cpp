#include "data/mixture_config.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "corpus/readers/read_options.h"
#include "util/error.h"

namespace superpose::data {
namespace {

bool is_name(const std::string& text) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !text.empty() && text.find_first_not_of(kLetters) == std::string::npos;
}

}  // namespace

void MixtureConfig::validate() const {
  using util::require;
  require(is_name(name), "name: must be letters, digits, - and _, got \"", name, "\"");
  require(!sources.empty(), "sources: must name a file, folder or glob, got none");
  require(!weight || (std::isfinite(*weight) && *weight >= 0), "weight: must be >= 0, got ",
          weight.value_or(0));
  require(std::isfinite(max_epochs) && max_epochs >= 0, "max_epochs: must be >= 0, got ",
          max_epochs);
  require(format.empty() || corpus::token_format_of(format), "format: must be one of ",
          corpus::token_format_list(), ", got \"", format, "\"");
  corpus::unescape_separator("document_separator", document_separator);
  require(max_tokens >= 0, "max_tokens: must be >= 0, got ", max_tokens);
}

void check_mixture(const std::vector<MixtureConfig>& mixture, const corpus::DataConfig& data) {
  if (mixture.empty()) return;
  util::require(
      data.sources.empty(),
      "data.sources: must be empty with [[mixture]]; move its files into a [[mixture]] entry");
  util::require(
      data.python_distributions.empty(),
      "data.python_distributions: must be empty with [[mixture]]; name the folders of the "
      "distributions in a [[mixture]] entry");
  std::set<std::string> names;
  for (const MixtureConfig& entry : mixture) {
    util::require(names.insert(entry.name).second, "mixture: names must be unique, got \"",
                  entry.name, "\" twice");
  }
  const auto weighted = std::count_if(mixture.begin(), mixture.end(),
                                      [](const auto& entry) { return entry.weight.has_value(); });
  util::require(weighted == 0 || weighted == std::ssize(mixture),
                "mixture: weight must be given for every source or for none, got it for ", weighted,
                " of ", mixture.size());
  util::require(weighted == 0 || std::any_of(mixture.begin(), mixture.end(),
                                             [](const auto& entry) { return *entry.weight > 0; }),
                "mixture: a weight must be > 0, got 0 for all sources");
}

corpus::DataConfig data_config_of(const MixtureConfig& entry, const corpus::DataConfig& data) {
  corpus::DataConfig config = data;
  config.sources = entry.sources;
  config.sources_key = "sources";
  config.python_distributions.clear();
  if (!entry.format.empty()) config.format = corpus::token_format_of(entry.format).value();
  if (!entry.document_separator.empty()) config.document_separator = entry.document_separator;
  if (!entry.text_field.empty()) config.text_field = entry.text_field;
  return config;
}

}  // namespace superpose::data
