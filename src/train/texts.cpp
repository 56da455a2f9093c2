#include "train/texts.h"

#include <algorithm>
#include <optional>
#include <ostream>

#include "util/error.h"
#include "util/text.h"

namespace superpose::train {
namespace {

// One corpus on all ranks. `what` is how the console calls it.
data::PreparedCorpus prepare(const data::DataConfig& config, const data::PrepareOptions& options,
                             const std::string& what, std::ostream* console) {
  bool said = false;
  const auto say = [&](const data::PrepareProgress& progress) {
    if (said || console == nullptr) return;
    *console << "preparing " << what << ": " << progress.num_sources << " files, "
             << util::format_bytes(static_cast<std::uint64_t>(progress.num_bytes)) << '\n'
             << std::flush;
    said = true;
  };
  return data::prepare_corpus(config, say, options);
}

data::PreparedCorpus prepare_set(const RunConfig& config, const eval::ValidationSetConfig& set,
                                 std::ostream* console) {
  data::DataConfig data = config.data;
  data.sources = set.sources;
  data.python_distributions.clear();
  data.include.clear();
  data.exclude.clear();
  data.validation.clear();
  try {
    return prepare(data, {.all_held_out = true}, "the validation set " + set.name, console);
  } catch (const util::Error& error) {
    util::fail("validation set ", set.name, ": ", error.what());
  }
}

data::PrepareOptions training_options(const std::vector<SetCorpus>& sets, bool holds_out) {
  data::PrepareOptions options;
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

// Rank 0.
Texts prepare_all(const RunConfig& config, std::ostream* console) {
  Texts texts;
  std::optional<std::size_t> held_out;  // its place in the list
  for (const eval::ValidationSetConfig& set : config.validation) {
    if (set.is_held_out()) {
      held_out = texts.validation.size();
    } else {
      texts.validation.push_back({set.name, prepare_set(config, set, console)});
    }
  }
  texts.training = prepare(config.data, training_options(texts.validation, held_out.has_value()),
                           "the corpus", console);
  if (held_out) {
    texts.validation.insert(texts.validation.begin() + static_cast<std::ptrdiff_t>(*held_out),
                            {config.validation[*held_out].name, texts.training});
  }
  return texts;
}

// What rank 0 prepared, by its folders.
Texts open_all(const RunConfig& config, const std::vector<std::string>& folders) {
  Texts texts;
  texts.training = data::open_corpus(folders.front());
  for (std::size_t i = 0; i < config.validation.size(); ++i) {
    texts.validation.push_back({config.validation[i].name, data::open_corpus(folders[i + 1])});
  }
  return texts;
}

}  // namespace

Texts prepare_texts(const RunConfig& config, std::ostream* console,
                    distributed::Collective& collective) {
  const bool leads = collective.rank() == 0;
  Texts texts;
  if (leads) texts = prepare_all(config, console);
  std::vector<std::string> folders;
  for (std::size_t i = 0; i <= config.validation.size(); ++i) {
    std::string folder;
    if (leads) {
      folder = (i == 0 ? texts.training : texts.validation[i - 1].corpus).folder.string();
    }
    folders.push_back(collective.broadcast_text(folder, 0));
  }
  return leads ? std::move(texts) : open_all(config, folders);
}

}  // namespace superpose::train
