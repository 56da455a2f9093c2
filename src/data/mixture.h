// The corpora of a recipe as one: prepared, opened, and laid out for reading.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/corpus_record.h"
#include "corpus/prepare/prepare_console.h"
#include "data/batch_source.h"
#include "data/mixture_config.h"
#include "superposition/phases.h"

namespace superpose::data {

// One corpus of a run, in its cache folder, and how it is read.
struct PreparedSource {
  std::string name;  // "" for the one corpus of [data]
  corpus::PreparedCorpus corpus;
  double weight = 1;      // as RowSource has it
  double max_epochs = 0;  // both of the entry's limits, and data.when_exhausted, in one number
};

// Prepares the corpora of a recipe: one for each entry of [[mixture]], or that of [data] where
// there is none. The options hold for each. Throws util::Error as check_mixture and prepare_corpus
// do, naming the entry.
std::vector<PreparedSource> prepare_sources(const corpus::DataConfig& data,
                                            const std::vector<MixtureConfig>& mixture,
                                            const corpus::PrepareOptions& options = {},
                                            const corpus::PrepareScreen& screen = {});

// A corpus of a recipe by name, and where it was prepared.
struct FoundCorpus {
  std::string name;
  corpus::CorpusSearch search;
};

// find_corpus for each corpus that prepare_sources prepares.
std::vector<FoundCorpus> find_sources(const corpus::DataConfig& data,
                                      const std::vector<MixtureConfig>& mixture,
                                      const corpus::PrepareOptions& options = {});

// Opens the folders of corpora that prepare_sources made, in the order of the recipe.
std::vector<PreparedSource> open_sources(const corpus::DataConfig& data,
                                         const std::vector<MixtureConfig>& mixture,
                                         const std::vector<std::filesystem::path>& folders);

// Several corpora as one: numbers added up, fingerprints of all, and the held-out documents of all,
// each text once (of the first alone where data.validation names them, as then they are the same in
// each). `train` is null: a mixture is read source by source. One corpus is returned as it is.
// Throws util::Error where nothing is held out of any, unless the options want that.
corpus::PreparedCorpus whole_corpus(const std::vector<PreparedSource>& sources,
                                    const corpus::DataConfig& data,
                                    const corpus::PrepareOptions& options = {});

// The files of these corpora, in their order, each below the name of its entry.
std::vector<corpus::CorpusFile> list_files(const std::vector<PreparedSource>& sources);

// Throws util::Error where a phase's weights name no entry of the mixture.
void check_phase_weights(const std::vector<superposition::Phase>& phases,
                         const std::vector<MixtureConfig>& mixture);

// Whether any phase gives each source a weight.
std::vector<bool> find_read(const std::vector<PreparedSource>& sources,
                            const std::vector<superposition::Phase>& phases);

// choose_layout for each corpus. One that no phase reads may be shorter than a window.
std::vector<StreamLayout> choose_layouts(const std::vector<PreparedSource>& sources,
                                         const std::vector<superposition::Phase>& phases,
                                         std::int64_t sequence_length,
                                         const corpus::DataConfig& data);

struct OrderOptions {
  std::uint64_t seed = 0;
  std::vector<StreamLayout> layouts;  // of each source
  bool document_aware = false;
};

// The corpora in the order in which a run reads them. A mixture's sources each have an order of
// their own, by seed and name: adding a source leaves the others' as it is.
std::vector<RowSource> open_streams(const std::vector<PreparedSource>& sources,
                                    const OrderOptions& options);

}  // namespace superpose::data
