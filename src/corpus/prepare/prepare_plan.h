// What a preparation is going to do, and the keys and the folder that follow from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/prepare/preparation_journal.h"
#include "corpus/sources/sources.h"
#include "tokenizer/load.h"

namespace superpose::corpus {

// All that decides what a corpus holds.
struct PreparePlan {
  DataConfig config;
  PrepareOptions options;
  std::shared_ptr<const tokenizer::LoadedTokenizer> tokenizer;
  std::vector<SourceFile> sources;
  std::string request_key;  // below; a part has one that no recipe has
  JournalHeader keys;
};

// The recipe's tokenizer. Throws util::Error that names data.tokenizer where it cannot be read.
tokenizer::LoadedTokenizer load_tokenizer(const DataConfig& config);

// Loads the tokenizer and hashes what there is. Throws util::Error as prepare_corpus does.
PreparePlan make_plan(const DataConfig& config, const PrepareOptions& options,
                      std::vector<SourceFile> sources);

// What a plan is put together from (assembly.h): its files that are not held out by name, with
// nothing left out of them, and those that are.
PreparePlan training_part(const PreparePlan& plan);
PreparePlan held_out_part(const PreparePlan& plan);

// The folder in which the plan's corpus is once it is prepared.
std::filesystem::path folder_of(const PreparePlan& plan);

// 16 hexadecimal digits of what a recipe asks for: where its sources are looked for, the
// tokenizer's name and the settings. Unlike the key it stays the same where files change, come or
// go.
std::string request_key(const DataConfig& config, const PrepareOptions& options);

}  // namespace superpose::corpus
