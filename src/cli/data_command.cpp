#include <iostream>

#include "cli/commands.h"
#include "cli/recipe_file.h"
#include "data/corpus.h"
#include "data/mixture.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

void print_split(const char* name, const data::SplitStats& stats) {
  std::cout << "  " << name << ": " << util::format_count(stats.documents) << " documents, "
            << util::format_bytes(stats.bytes) << ", " << util::format_count(stats.tokens)
            << " tokens\n";
}

void print_corpus(const data::PreparedSource& source) {
  const data::PreparedCorpus& corpus = source.corpus;
  if (!source.name.empty()) std::cout << source.name << ", ";
  std::cout << (corpus.was_cached ? "already prepared: " : "prepared: ") << corpus.folder.string()
            << '\n';
  print_split("training", corpus.train_stats);
  print_split("held out", corpus.validation_stats);
  std::cout << "  fingerprint " << corpus.fingerprint << ", held out "
            << corpus.validation_fingerprint << '\n';
}

// Whether shards and sources are as recorded.
bool verify(const data::PreparedCorpus& corpus) {
  const data::VerifyReport report = data::verify_corpus(corpus.folder);
  std::cout << corpus.folder.string() << ": " << report.shards << " shards as recorded, "
            << report.sources << " sources unchanged\n";
  for (const std::string& source : report.changed_sources) {
    std::cout << "  changed since: " << source << '\n';
  }
  for (const std::string& source : report.missing_sources) {
    std::cout << "  no longer there: " << source << '\n';
  }
  return report.changed_sources.empty() && report.missing_sources.empty();
}

}  // namespace

int data_prepare_command(const DataOptions& options) {
  const train::RunConfig recipe = load_recipe(options.recipe, options.overrides).base;
  for (const auto& source : data::prepare_sources(recipe.data, recipe.mixture)) {
    print_corpus(source);
  }
  return kDone;
}

int data_verify_command(const DataOptions& options) {
  const train::RunConfig recipe = load_recipe(options.recipe, options.overrides).base;
  bool unchanged = true;
  for (const auto& source : data::prepare_sources(recipe.data, recipe.mixture)) {
    unchanged = verify(source.corpus) && unchanged;
  }
  return unchanged ? kDone : kFailed;
}

}  // namespace superpose::cli
