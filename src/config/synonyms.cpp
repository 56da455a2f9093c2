#include "config/synonyms.h"

#include <algorithm>

#include "util/text.h"

namespace superpose::config {
namespace {

std::string last_part(const std::string& pattern) { return pattern.substr(pattern.rfind('.') + 1); }

}  // namespace

std::string plain_name(std::string_view name) {
  std::string plain(name);
  for (char& c : plain) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return plain;
}

const Synonym* find_synonym(std::string_view said, std::span<const Synonym> table) {
  const std::string plain = plain_name(said);
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Synonym& synonym) { return synonym.said == plain; });
  return found == table.end() ? nullptr : &*found;
}

std::string_view meant_by(std::string_view said, std::span<const Synonym> table) {
  const Synonym* found = find_synonym(said, table);
  return found == nullptr ? std::string_view() : found->meant;
}

std::string key_meant_by(std::string_view name, std::span<const KnownKey> keys,
                         const Synonyms& synonyms) {
  const std::string_view meant = meant_by(name, synonyms.keys);
  const std::string plain = plain_name(name);
  std::vector<std::string> names;
  std::string same;
  for (const KnownKey& key : keys) {
    if (key.pattern == meant) return key.pattern;
    if (same.empty() && last_part(key.pattern) == plain) same = key.pattern;
    names.push_back(last_part(key.pattern));
  }
  if (!same.empty()) return same;
  const std::string slip = slip_of(plain, names);
  const auto found = std::find(names.begin(), names.end(), slip);
  return slip.empty() ? "" : keys[static_cast<std::size_t>(found - names.begin())].pattern;
}

std::string slip_of(std::string_view name, std::span<const std::string> candidates) {
  constexpr std::size_t kLettersForASlip = 3;
  const std::string nearest = util::nearest_name(name, candidates);
  const std::size_t slips = util::edit_distance(name, nearest);
  return slips * kLettersForASlip <= name.size() && !nearest.empty() ? nearest : "";
}

}  // namespace superpose::config
