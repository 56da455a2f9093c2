#include <iostream>

#include "cli/commands.h"
#include "cli/recipe_file.h"
#include "data/corpus.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

void print_split(const char* name, const data::SplitStats& stats) {
  std::cout << "  " << name << ": " << util::format_count(stats.documents) << " documents, "
            << util::format_bytes(stats.bytes) << ", " << util::format_count(stats.tokens)
            << " tokens\n";
}

}  // namespace

int data_prepare_command(const DataOptions& options) {
  const experiment::Recipe recipe = load_recipe(options.recipe, options.overrides);
  const data::PreparedCorpus corpus = data::prepare_corpus(recipe.base.data);
  std::cout << (corpus.was_cached ? "already prepared: " : "prepared: ") << corpus.folder.string()
            << '\n';
  print_split("training", corpus.train_stats);
  print_split("held out", corpus.validation_stats);
  std::cout << "  fingerprint " << corpus.fingerprint << ", held out "
            << corpus.validation_fingerprint << '\n';
  return kDone;
}

int data_verify_command(const DataOptions& options) {
  const experiment::Recipe recipe = load_recipe(options.recipe, options.overrides);
  const data::PreparedCorpus corpus = data::prepare_corpus(recipe.base.data);
  const data::VerifyReport report = data::verify_corpus(corpus.folder);
  std::cout << corpus.folder.string() << ": " << report.shards << " shards as recorded, "
            << report.sources << " sources unchanged\n";
  for (const std::string& source : report.changed_sources) {
    std::cout << "  changed since: " << source << '\n';
  }
  for (const std::string& source : report.missing_sources) {
    std::cout << "  no longer there: " << source << '\n';
  }
  return report.changed_sources.empty() && report.missing_sources.empty() ? kDone : kFailed;
}

}  // namespace superpose::cli
