#include "data/mixture.h"

#include <algorithm>
#include <utility>

#include "corpus/prepare/batch_reader.h"
#include "corpus/prepare/content_set.h"
#include "corpus/tokens/held_out_parts.h"
#include "corpus/tokens/token_cut.h"
#include "data/reading_plan.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/random.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

// Runs an action on one entry; an error names it.
template <class Action>
auto of_entry(const std::string& name, const Action& action) {
  try {
    return action();
  } catch (const util::Error& error) {
    if (name.empty()) throw;
    util::fail("mixture ", name, ": ", error.what());
  }
}

double epoch_limit(const MixtureConfig& entry, const corpus::DataConfig& data,
                   std::int64_t num_tokens) {
  double limit = entry.max_epochs;
  if (limit == 0 && data.when_exhausted == corpus::WhenExhausted::kStop) limit = 1;
  if (entry.max_tokens == 0) return limit;
  const double by_tokens = static_cast<double>(entry.max_tokens) / static_cast<double>(num_tokens);
  return limit == 0 ? by_tokens : std::min(limit, by_tokens);
}

PreparedSource make_source(const MixtureConfig& entry, const corpus::DataConfig& data,
                           corpus::PreparedCorpus corpus) {
  const std::int64_t num_tokens = corpus.train->num_tokens();
  PreparedSource source;
  source.name = entry.name;
  source.weight = entry.weight.value_or(static_cast<double>(num_tokens));
  source.max_epochs = num_tokens == 0 ? 0 : epoch_limit(entry, data, num_tokens);
  source.corpus = std::move(corpus);
  return source;
}

// The one corpus of [data] as the only, nameless entry.
std::vector<MixtureConfig> entries_of(const corpus::DataConfig& data,
                                      const std::vector<MixtureConfig>& mixture) {
  check_mixture(mixture, data);
  if (!mixture.empty()) return mixture;
  MixtureConfig only;
  only.sources = data.sources;
  return {only};
}

// Entries may differ in what they say of [data]; the one corpus is read as [data] says.
corpus::DataConfig config_of(const MixtureConfig& entry, const corpus::DataConfig& data) {
  return entry.name.empty() ? data : data_config_of(entry, data);
}

// The options for an entry of a mixture, or for the one corpus.
corpus::PrepareOptions options_of(const MixtureConfig& entry, const corpus::DataConfig& data,
                                  corpus::PrepareOptions options) {
  if (entry.name.empty()) return options;
  options.any_share = true;
  // The held-out files are the same for all entries, so they are read as [data] says.
  if (!data.validation.empty()) options.held_out_reading = corpus::read_options(data);
  return options;
}

void add(corpus::SplitStats& sum, const corpus::SplitStats& part) {
  sum.documents += part.documents;
  sum.bytes += part.bytes;
  sum.tokens += part.tokens;
}

std::string joint_fingerprint(const std::vector<PreparedSource>& sources,
                              std::string corpus::PreparedCorpus::*fingerprint) {
  util::Hasher hasher;
  for (const PreparedSource& source : sources) {
    hasher.update(source.name + "\n" + source.corpus.*fingerprint + "\n");
  }
  return util::hex64(hasher.digest64());
}

// data.validation names the held-out files: they are the same in every source.
void take_held_out(const corpus::PreparedCorpus& from, corpus::PreparedCorpus& whole) {
  whole.validation = from.validation;
  whole.validation_halves = from.validation_halves;
  whole.validation_contents = from.validation_contents;
  whole.validation_stats = from.validation_stats;
  whole.validation_fingerprint = from.validation_fingerprint;
}

// Adds the held-out documents of several corpora up, each text once: two entries may read the same
// files.
class HeldOut {
 public:
  explicit HeldOut(corpus::PreparedCorpus& whole) : whole_(whole) {}

  void add(const corpus::PreparedCorpus& corpus) {
    const std::vector<corpus::TokenRange> known = find_known(corpus);
    std::int64_t begin = 0;
    for (corpus::TokenFile& file : corpus::open_held_out(corpus.folder)) {
      const std::int64_t num_tokens = file.num_tokens;
      std::vector<corpus::TokenRange> ranges;
      for (const corpus::TokenRange& range : known) {
        if (range.first >= begin && range.first < begin + num_tokens) {
          ranges.push_back({range.first - begin, range.count});
        }
      }
      begin += num_tokens;
      corpus::cut_out(file, ranges);
      files_.push_back(std::move(file));
    }
  }

  void finish() {
    whole_.validation =
        std::make_shared<corpus::TokenShards>(std::move(files_), whole_.vocabulary_size);
  }

 private:
  // Where documents of the corpus lie that another one holds out, too. Takes up all others.
  std::vector<corpus::TokenRange> find_known(const corpus::PreparedCorpus& corpus) {
    std::vector<corpus::TokenRange> known;
    corpus::SplitStats stats = corpus.validation_stats;
    std::int64_t begin = 0;
    const auto ends = corpus.validation->document_ends();
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const corpus::TokenRange document{begin, ends[i] - begin};
      begin = ends[i];
      const std::uint64_t content = corpus.validation_contents[i];
      if (before_.contains(content)) {
        known.push_back(document);
        --stats.documents;
        stats.tokens -= document.count;
        stats.bytes -= corpus::text_bytes(*corpus.validation, document, corpus.bytes_per_id);
      } else {
        whole_.validation_contents.push_back(content);
        whole_.validation_halves.push_back(corpus.validation_halves[i]);
      }
    }
    for (const std::uint64_t content : corpus.validation_contents) before_.insert(content);
    data::add(whole_.validation_stats, stats);
    return known;
  }

  corpus::PreparedCorpus& whole_;
  std::vector<corpus::TokenFile> files_;
  corpus::ContentSet before_;  // of the corpora added
};

void check_held_out(const corpus::PreparedCorpus& whole, const corpus::DataConfig& data,
                    const corpus::PrepareOptions& options) {
  const std::int64_t documents = whole.train_stats.documents;
  util::require(options.none_held_out || whole.validation_stats.documents > 0,
                "data: the corpus is too small to hold anything out (", documents,
                documents == 1 ? " document" : " documents",
                ", data.validation_share = ", data.validation_share,
                "): add text, raise data.validation_share, or name validation files in "
                "data.validation");
}

void join_held_out(const std::vector<PreparedSource>& sources, corpus::PreparedCorpus& whole) {
  HeldOut held_out(whole);
  for (const PreparedSource& source : sources) held_out.add(source.corpus);
  held_out.finish();
  whole.validation_fingerprint =
      joint_fingerprint(sources, &corpus::PreparedCorpus::validation_fingerprint);
}

}  // namespace

std::vector<PreparedSource> prepare_sources(const corpus::DataConfig& data,
                                            const std::vector<MixtureConfig>& mixture,
                                            const corpus::PrepareOptions& options,
                                            const corpus::PrepareScreen& screen) {
  std::vector<PreparedSource> sources;
  for (const MixtureConfig& entry : entries_of(data, mixture)) {
    sources.push_back(of_entry(entry.name, [&] {
      const corpus::PrepareOptions own = options_of(entry, data, options);
      const std::string what = entry.name.empty() ? "the corpus" : "the source " + entry.name;
      return make_source(entry, data,
                         corpus::prepare_shown(config_of(entry, data), own, screen.showing(what)));
    }));
  }
  return sources;
}

std::vector<FoundCorpus> find_sources(const corpus::DataConfig& data,
                                      const std::vector<MixtureConfig>& mixture,
                                      const corpus::PrepareOptions& options) {
  std::vector<FoundCorpus> found;
  for (const MixtureConfig& entry : entries_of(data, mixture)) {
    found.push_back({entry.name, corpus::find_corpus(config_of(entry, data),
                                                     options_of(entry, data, options))});
  }
  return found;
}

std::vector<PreparedSource> open_sources(const corpus::DataConfig& data,
                                         const std::vector<MixtureConfig>& mixture,
                                         const std::vector<fs::path>& folders) {
  const std::vector<MixtureConfig> entries = entries_of(data, mixture);
  util::require(folders.size() == entries.size(), "mixture: there must be ", entries.size(),
                " prepared folders, got ", folders.size());
  std::vector<PreparedSource> sources;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    sources.push_back(of_entry(entries[i].name, [&] {
      return make_source(entries[i], data, corpus::open_corpus(folders[i]));
    }));
  }
  return sources;
}

corpus::PreparedCorpus whole_corpus(const std::vector<PreparedSource>& sources,
                                    const corpus::DataConfig& data,
                                    const corpus::PrepareOptions& options) {
  if (sources.size() == 1) {
    check_held_out(sources[0].corpus, data, options);
    return sources[0].corpus;
  }
  const corpus::PreparedCorpus& first = sources[0].corpus;
  corpus::PreparedCorpus whole;
  whole.vocabulary_size = first.vocabulary_size;
  whole.padded_vocabulary_size = first.padded_vocabulary_size;
  whole.tokenizer = first.tokenizer;
  whole.bytes_per_id = first.bytes_per_id;
  whole.folder = first.folder;
  for (const PreparedSource& source : sources) {
    util::require(source.corpus.vocabulary_size == first.vocabulary_size, "mixture ", source.name,
                  ": its vocabulary must be that of ", sources[0].name, ", ", first.vocabulary_size,
                  " ids, got ", source.corpus.vocabulary_size);
    add(whole.train_stats, source.corpus.train_stats);
    whole.left_out_documents += source.corpus.left_out_documents;
    const auto& files = source.corpus.sources;
    whole.sources.insert(whole.sources.end(), files.begin(), files.end());
  }
  whole.fingerprint = joint_fingerprint(sources, &corpus::PreparedCorpus::fingerprint);
  if (data.validation.empty()) {
    join_held_out(sources, whole);
  } else {
    take_held_out(first, whole);
  }
  check_held_out(whole, data, options);
  whole.held_out_share = corpus::held_out_share(whole.train_stats, whole.validation_stats);
  return whole;
}

std::vector<corpus::CorpusFile> list_files(const std::vector<PreparedSource>& sources) {
  std::vector<corpus::CorpusFile> files;
  for (const PreparedSource& source : sources) {
    const std::string prefix = source.name.empty() ? "" : source.name + "/";
    for (const corpus::SourceRecord& file : source.corpus.sources) {
      corpus::append_files(prefix, file, files);
    }
  }
  return files;
}

void check_phase_weights(const std::vector<superposition::Phase>& phases,
                         const std::vector<MixtureConfig>& mixture) {
  std::vector<std::string> names;
  for (const MixtureConfig& entry : mixture) names.push_back(entry.name);
  const std::vector<double> own(names.size(), 1);
  for (std::size_t index = 0; index < phases.size(); ++index) {
    try {
      phase_weights(names, own, phases[index].weights);
    } catch (const util::Error& error) {
      util::fail("phase ", index + 1, ": ", error.what());
    }
  }
}

std::vector<bool> find_read(const std::vector<PreparedSource>& sources,
                            const std::vector<superposition::Phase>& phases) {
  std::vector<std::string> names;
  std::vector<double> own;
  for (const PreparedSource& source : sources) {
    names.push_back(source.name);
    own.push_back(source.weight);
  }
  std::vector<bool> is_read(sources.size());
  for (const superposition::Phase& phase : phases) {
    const std::vector<double> weights = phase_weights(names, own, phase.weights);
    for (std::size_t i = 0; i < weights.size(); ++i) is_read[i] = is_read[i] || weights[i] > 0;
  }
  return is_read;
}

std::vector<StreamLayout> choose_layouts(const std::vector<PreparedSource>& sources,
                                         const std::vector<superposition::Phase>& phases,
                                         std::int64_t sequence_length,
                                         const corpus::DataConfig& data) {
  const std::int64_t longest = longest_window(phases, sequence_length);
  const std::vector<bool> is_read = find_read(sources, phases);
  std::vector<StreamLayout> layouts;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::int64_t num_tokens = sources[i].corpus.train->num_tokens();
    layouts.push_back(of_entry(sources[i].name, [&] {
      return choose_layout(num_tokens, is_read[i] ? longest : std::min(longest, num_tokens),
                           data.lanes, data.block_tokens);
    }));
  }
  return layouts;
}

std::vector<RowSource> open_streams(const std::vector<PreparedSource>& sources,
                                    const OrderOptions& options) {
  util::require(options.layouts.size() == sources.size(),
                "data: there must be a layout for each of ", sources.size(), " sources, got ",
                options.layouts.size());
  std::vector<RowSource> streams;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const PreparedSource& source = sources[i];
    const std::uint64_t seed = source.name.empty()
                                   ? options.seed
                                   : util::stream_key(options.seed, "data.source", source.name);
    streams.push_back(
        {.name = source.name,
         .stream = std::make_shared<const TokenStream>(
             source.corpus.train, StreamOptions{seed, options.layouts[i], options.document_aware}),
         .weight = source.weight,
         .max_epochs = source.max_epochs});
  }
  return streams;
}

}  // namespace superpose::data
