// Names that people bring along from other trainers and papers. They are never taken for the real
// one, only suggested in its place.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/outline.h"

namespace superpose::config {

struct Synonym {
  std::string_view said;   // lower case, '_' for '-': "n_layer"
  std::string_view meant;  // a key's pattern ("model.num_layers", "phases[].bag_size") or a choice
  std::string_view how = "";  // of a choice that is near only with other settings: which
};

struct Synonyms {
  std::span<const Synonym> keys = {};  // `said` is a key's last part, in whatever section
  std::span<const Synonym> choices = {};
};

// As names are compared: lower case, '_' for '-'.
std::string plain_name(std::string_view name);

// The entry of what is said; null where the table does not have it.
const Synonym* find_synonym(std::string_view said, std::span<const Synonym> table);

// What `said` stands for; "" where the table does not have it.
std::string_view meant_by(std::string_view said, std::span<const Synonym> table);

// Of `keys`, the one that a name without its section is meant for: a synonym's, the same last part,
// or one with the same last part but for a slip. "" where none is near.
std::string key_meant_by(std::string_view name, std::span<const KnownKey> keys,
                         const Synonyms& synonyms);

// The candidate that `name` is a slip of the keyboard away from; "" where none is so near.
std::string slip_of(std::string_view name, std::span<const std::string> candidates);

}  // namespace superpose::config
