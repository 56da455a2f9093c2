#include "train/run_corpora.h"

#include <algorithm>

#include "util/error.h"
#include "util/json.h"

namespace superpose::train {
namespace {

corpus::DataConfig data_config_of(const eval::ValidationSetConfig& set, corpus::DataConfig data) {
  data.sources = set.sources;
  data.sources_key = "sources";
  data.python_distributions.clear();
  data.include.clear();
  data.exclude.clear();
  data.validation.clear();
  if (!set.format.empty()) data.format = corpus::token_format_of(set.format).value();
  if (!set.document_separator.empty()) data.document_separator = set.document_separator;
  if (!set.text_field.empty()) data.text_field = set.text_field;
  return data;
}

corpus::PreparedCorpus prepare_set(const RunConfig& config, const eval::ValidationSetConfig& set,
                                   const corpus::PrepareScreen& screen) {
  try {
    return corpus::prepare_shown(data_config_of(set, config.data), {.all_held_out = true},
                                 screen.showing("the validation set " + set.name));
  } catch (const util::Error& error) {
    util::fail("validation set ", set.name, ": ", error.what());
  }
}

corpus::PrepareOptions training_options(const std::vector<SetCorpus>& sets, bool holds_out) {
  corpus::PrepareOptions options;
  options.none_held_out = !holds_out;
  for (const SetCorpus& set : sets) {
    options.left_out.insert(options.left_out.end(), set.corpus.validation_contents.begin(),
                            set.corpus.validation_contents.end());
  }
  std::sort(options.left_out.begin(), options.left_out.end());
  const auto end = std::unique(options.left_out.begin(), options.left_out.end());
  options.left_out.erase(end, options.left_out.end());
  return options;
}

// The set that is what the sources hold out takes its place among the others.
void add_held_out(const RunConfig& config, RunCorpora& corpora) {
  for (std::size_t i = 0; i < config.validation.size(); ++i) {
    if (!config.validation[i].is_held_out()) continue;
    corpora.validation.insert(corpora.validation.begin() + static_cast<std::ptrdiff_t>(i),
                              {config.validation[i].name, corpora.training});
  }
}

bool holds_out(const RunConfig& config) {
  return std::any_of(config.validation.begin(), config.validation.end(),
                     [](const eval::ValidationSetConfig& set) { return set.is_held_out(); });
}

// A vocabulary that is too small is said before hours of preparing. One that the recipe leaves
// open grows with the corpus.
void check_vocabulary(const RunConfig& config) {
  if (config.model.vocab_size == 0) return;
  const corpus::VocabularySize size = corpus::vocabulary_size(config.data);
  // The rows of weights that are there already need not be a round number.
  model::check_vocabulary(config.model.vocab_size,
                          config.model.init_from.empty() ? size.padded : size.ids);
}

// Rank 0.
RunCorpora prepare_all(const RunConfig& config, const corpus::PrepareScreen& screen) {
  check_vocabulary(config);
  RunCorpora corpora;
  for (const eval::ValidationSetConfig& set : config.validation) {
    if (!set.is_held_out()) {
      corpora.validation.push_back({set.name, prepare_set(config, set, screen)});
    }
  }
  const corpus::PrepareOptions options = training_options(corpora.validation, holds_out(config));
  corpora.sources = data::prepare_sources(config.data, config.mixture, options, screen);
  corpora.training = data::whole_corpus(corpora.sources, config.data, options);
  add_held_out(config, corpora);
  return corpora;
}

// Folders of the sources, then those of the sets with sources of their own.
std::vector<std::string> folders_of(const RunConfig& config, const RunCorpora& corpora) {
  std::vector<std::string> folders;
  for (const data::PreparedSource& source : corpora.sources) {
    folders.push_back(source.corpus.folder.string());
  }
  for (std::size_t i = 0; i < corpora.validation.size(); ++i) {
    if (config.validation[i].is_held_out()) continue;
    folders.push_back(corpora.validation[i].corpus.folder.string());
  }
  return folders;
}

// What rank 0 prepared, by its folders.
RunCorpora open_all(const RunConfig& config, const std::vector<std::string>& folders) {
  RunCorpora corpora;
  const std::size_t num_sources = std::max<std::size_t>(1, config.mixture.size());
  const auto first_set = folders.begin() + static_cast<std::ptrdiff_t>(num_sources);
  corpora.sources = data::open_sources(config.data, config.mixture, {folders.begin(), first_set});
  corpora.training =
      data::whole_corpus(corpora.sources, config.data, {.none_held_out = !holds_out(config)});
  auto folder = first_set;
  for (const eval::ValidationSetConfig& set : config.validation) {
    if (!set.is_held_out())
      corpora.validation.push_back({set.name, corpus::open_corpus(*folder++)});
  }
  add_held_out(config, corpora);
  return corpora;
}

}  // namespace

RunCorpora prepare_corpora(const RunConfig& config, const corpus::PrepareScreen& screen,
                           distributed::Collective& collective) {
  const bool leads = collective.rank() == 0;
  RunCorpora corpora;
  const std::string text = collective.broadcast_result(
      [&] {
        corpora = prepare_all(config, screen);
        return util::Json(folders_of(config, corpora)).dump();
      },
      0);
  if (leads) return corpora;
  return open_all(config, util::parse_json(text, "folders").get<std::vector<std::string>>());
}

std::vector<data::FoundCorpus> find_corpora(const RunConfig& config) {
  auto found =
      data::find_sources(config.data, config.mixture, {.none_held_out = !holds_out(config)});
  for (const eval::ValidationSetConfig& set : config.validation) {
    if (set.is_held_out()) continue;
    found.push_back({"validation " + set.name, corpus::find_corpus(data_config_of(set, config.data),
                                                                   {.all_held_out = true})});
  }
  return found;
}

std::vector<corpus::CorpusFile> list_files(const RunCorpora& corpora) {
  std::vector<corpus::CorpusFile> files = data::list_files(corpora.sources);
  for (const SetCorpus& set : corpora.validation) {
    if (set.corpus.folder == corpora.training.folder) continue;  // what the sources hold out
    for (const corpus::SourceRecord& file : set.corpus.sources) {
      corpus::append_files("validation " + set.name + "/", file, files);
    }
  }
  return files;
}

}  // namespace superpose::train
