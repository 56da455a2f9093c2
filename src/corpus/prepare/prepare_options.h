// What a preparation is told in addition to the [data] section.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "corpus/readers/read_options.h"

namespace superpose::corpus {

// What a recipe's [data] section does not say of a preparation.
struct PrepareOptions {
  bool all_held_out = false;   // every document becomes a validation document
  bool none_held_out = false;  // validation_share draws none
  // One held-out document or more is enough: it is one of several corpora.
  bool any_share = false;
  // Content hashes, sorted: training documents with one of these are left out.
  std::vector<std::uint64_t> left_out = {};
  // How the files of data.validation are read, where it is otherwise than the sources.
  std::optional<ReadOptions> held_out_reading = {};
  // Bytes of text between two points at which a killed preparation continues.
  std::int64_t journal_bytes = std::int64_t{1} << 27;
};

}  // namespace superpose::corpus
