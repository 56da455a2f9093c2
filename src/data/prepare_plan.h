#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/preparation_journal.h"
#include "data/sources.h"
#include "tokenizer/load.h"

namespace superpose::data {

// All that decides what a corpus holds.
struct PreparePlan {
  const DataConfig& config;
  const PrepareOptions& options;
  tokenizer::LoadedTokenizer tokenizer;
  std::vector<SourceFile> sources;
  JournalHeader keys;
};

// Loads the tokenizer, lists the sources and hashes what there is. `config` and `options` outlive
// the plan. Throws util::Error as prepare_corpus does.
PreparePlan make_plan(const DataConfig& config, const PrepareOptions& options);

// 16 hexadecimal digits of what a recipe asks for: where its sources are looked for, the
// tokenizer's name and the settings. Unlike the key it stays the same where files change, come or
// go.
std::string request_key(const DataConfig& config, const PrepareOptions& options);

}  // namespace superpose::data
