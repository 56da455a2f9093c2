#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/recipe_file.h"
#include "corpus/corpus.h"
#include "corpus/inspection.h"
#include "corpus/sources/source_checks.h"
#include "corpus/tokens/token_width.h"
#include "distributed/collective.h"
#include "tokenizer/load.h"
#include "train/run_corpora.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/table.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShownTokens = 20;
constexpr std::size_t kShownSources = 30;
constexpr std::size_t kShownBytes = 2000;  // of a document

void print_split(const char* name, const corpus::SplitStats& stats) {
  std::cout << "  " << name << ": " << util::format_count(stats.documents) << " documents, ";
  // Without a tokenizer nobody knows how much text the ids stand for.
  if (stats.bytes > 0) {
    std::cout << util::format_bytes(static_cast<std::uint64_t>(stats.bytes)) << " of text, ";
  }
  std::cout << util::format_count(stats.tokens) << " tokens";
  if (stats.bytes > 0) {
    const double rate = static_cast<double>(stats.tokens) / static_cast<double>(stats.bytes);
    std::cout << " (" << util::fixed(rate, 3) << " tokens per byte)";
  }
  std::cout << '\n';
}

void print_left_out(std::int64_t count, const char* why) {
  if (count > 0) std::cout << "  left out: " << count << ' ' << why << '\n';
}

void print_counts(const corpus::PreparedCorpus& corpus) {
  corpus::DocumentCounts all;
  for (const corpus::SourceRecord& source : corpus.sources) all += source.counts;
  print_left_out(corpus::count_left_out(corpus.sources), "files that hold no text");
  print_left_out(all.empty, "empty documents");
  print_left_out(all.bad_records, "bad records");
  print_left_out(all.filtered, "documents that are too short or too long");
  print_left_out(all.duplicates, "copies of documents before them");
  print_left_out(corpus.left_out_documents, "training documents with the text of a held-out one");
  if (all.invalid_utf8 > 0) {
    std::cout << "  not UTF-8: " << all.invalid_utf8 << " documents (data.on_invalid_utf8)\n";
  }
}

void print_corpus(const corpus::PreparedCorpus& corpus) {
  print_split("training", corpus.train_stats);
  print_split("held out", corpus.validation_stats);
  if (corpus.held_out_ends)
    std::cout << "  too few documents to draw from: held out is the end of each\n";
  print_counts(corpus);
  std::cout << "  fingerprint " << corpus.fingerprint << ", held out "
            << corpus.validation_fingerprint << '\n';
}

// What a recipe reads, one after the other; or a prepared folder by itself, without a name.
struct NamedCorpus {
  std::string name;
  corpus::PreparedCorpus corpus;
};

std::vector<NamedCorpus> prepare(const DataOptions& options) {
  const train::RunConfig recipe = load_recipe(options.target, options.overrides).base;
  distributed::LocalCollective alone;
  const train::RunCorpora corpora =
      train::prepare_corpora(recipe, {.stream = &std::cout, .columns = terminal_columns()}, alone);
  std::vector<NamedCorpus> named;
  for (const data::PreparedSource& source : corpora.sources) {
    named.push_back({source.name, source.corpus});
  }
  for (std::size_t i = 0; i < corpora.validation.size(); ++i) {
    if (recipe.validation[i].is_held_out()) continue;
    named.push_back({"validation " + corpora.validation[i].name, corpora.validation[i].corpus});
  }
  return named;
}

std::vector<NamedCorpus> open(const DataOptions& options) {
  if (fs::is_directory(options.target)) return {{"", corpus::open_corpus(options.target)}};
  return prepare(options);
}

std::string prefix(const NamedCorpus& named) { return named.name.empty() ? "" : named.name + ", "; }

// Each by name: nobody should have to look for what is missing.
void print_left_out_files(const std::vector<corpus::SourceRecord>& sources) {
  for (const corpus::SourceRecord& source : sources) {
    if (source.left_out_as.empty()) continue;
    std::cout << "left out: " << source.name << " (" << source.left_out_as << ")\n";
  }
}

void print_sources(std::vector<corpus::SourceRecord> sources, bool all) {
  std::erase_if(sources, [](const corpus::SourceRecord& s) { return !s.left_out_as.empty(); });
  std::cout << "sources (documents, tokens, size of the file):\n";
  const std::size_t shown = all ? sources.size() : std::min(sources.size(), kShownSources);
  for (const corpus::SourceRecord& source : std::span(sources).first(shown)) {
    std::cout << "  " << source.name << ": " << source.counts.documents << ", "
              << source.counts.tokens << ", "
              << util::format_bytes(static_cast<std::uint64_t>(source.bytes)) << '\n';
  }
  if (shown < sources.size())
    std::cout << "  and " << sources.size() - shown << " more (--all-sources)\n";
}

// Ids as text; without a tokenizer, as numbers.
std::string text_of(std::span<const std::int32_t> ids, const tokenizer::Tokenizer* tokenizer) {
  if (tokenizer != nullptr) return tokenizer->decode(ids);
  std::string text;
  for (const std::int32_t id : ids) text += std::to_string(id) + ' ';
  return text;
}

// On one line and printable: what is neither is shown as \n, \xNN.
std::string visible(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      result += "\\n";
    } else if (byte < 0x20 || byte == 0x7F || c == '"' || c == '\\') {
      result += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
    } else {
      result += c;
    }
  }
  return result + '"';
}

void print_lengths(const corpus::Inspection& inspection) {
  std::cout << "document lengths in tokens: shortest " << corpus::length_quantile(inspection, 0);
  for (const int percent : {10, 50, 90, 99}) {
    std::cout << ", " << percent << " % up to "
              << corpus::length_quantile(inspection, percent / 100.0);
  }
  std::cout << ", longest " << corpus::length_quantile(inspection, 1) << '\n';
}

void print_histogram(const corpus::Inspection& inspection, const tokenizer::Tokenizer* tokenizer) {
  const auto distinct = std::count_if(inspection.counts.begin(), inspection.counts.end(),
                                      [](std::int64_t count) { return count > 0; });
  std::cout << "tokens: " << distinct << " distinct ids occur; the most frequent:\n";
  std::vector<util::TableRow> rows;
  for (const std::int32_t id : corpus::most_frequent(inspection, kShownTokens)) {
    const auto count = static_cast<double>(inspection.counts[static_cast<std::size_t>(id)]);
    const double percent = 100 * count / static_cast<double>(inspection.tokens);
    rows.push_back({std::to_string(id), util::fixed(percent, 2) + " %",
                    tokenizer == nullptr ? "" : visible(tokenizer->decode(std::span(&id, 1)))});
  }
  util::print_table(std::cout, rows, "rrl", "  ");
}

void check_from(const corpus::TokenShards& tokens, const DataOptions& options) {
  util::require(options.from == 0 || options.from < tokens.num_documents(),
                "--from: must be the number of a document, below ", tokens.num_documents(),
                ", got ", options.from);
}

// `file_of`: what to call the file of a document; "" where it is not known.
void print_documents(const corpus::TokenShards& tokens, const DataOptions& options,
                     const tokenizer::Tokenizer* tokenizer,
                     const std::function<std::string(std::int64_t)>& file_of) {
  const std::int64_t end = std::min(tokens.num_documents(), options.from + options.documents);
  for (std::int64_t document = options.from; document < end; ++document) {
    const std::vector<std::int32_t> ids = corpus::document_at(tokens, document);
    const std::string text = text_of(ids, tokenizer);
    const std::string file = file_of(document);
    std::cout << "--- document " << document << (file.empty() ? "" : " of " + file) << ", "
              << ids.size() << " tokens\n"
              << text.substr(0, kShownBytes);
    if (text.size() > kShownBytes) {
      std::cout << " ... (" << text.size() - kShownBytes << " bytes more)";
    }
    std::cout << '\n';
  }
}

// A token file of any program, without a recipe.
int inspect_token_file(const DataOptions& options) {
  const auto format =
      std::find(corpus::kTokenFormatNames.begin(), corpus::kTokenFormatNames.end(), options.format);
  util::require(format != corpus::kTokenFormatNames.end(), "--format: unknown format ",
                options.format);
  std::optional<tokenizer::LoadedTokenizer> loaded;
  if (!options.tokenizer.empty()) loaded = tokenizer::load_tokenizer(options.tokenizer);
  corpus::TokenFileOptions file_options;
  file_options.format =
      static_cast<corpus::TokenFormat>(format - corpus::kTokenFormatNames.begin());
  if (loaded) file_options.end_of_document = loaded->end_of_document;
  std::vector<corpus::TokenFile> files;
  files.push_back(corpus::open_token_file(options.target, file_options));
  constexpr std::int64_t kAnyId = std::int64_t{1} << 24;  // above any vocabulary, below noise
  corpus::check_token_width(
      files.back(), file_options.format,
      loaded ? std::optional(loaded->tokenizer.vocabulary_size()) : std::nullopt);
  const corpus::TokenShards tokens(std::move(files),
                                   loaded ? loaded->tokenizer.vocabulary_size() : kAnyId);
  check_from(tokens, options);
  const tokenizer::Tokenizer* tokenizer = loaded ? &loaded->tokenizer : nullptr;
  const corpus::Inspection inspection = corpus::inspect(
      tokens, loaded ? loaded->tokenizer.bytes_per_id() : std::span<const std::int32_t>());
  print_split(options.target.c_str(),
              {inspection.documents, inspection.text_bytes, inspection.tokens});
  print_lengths(inspection);
  print_histogram(inspection, tokenizer);
  print_documents(tokens, options, tokenizer, [](std::int64_t) { return std::string(); });
  return kDone;
}

bool is_recipe(const std::string& target) { return fs::path(target).extension() == ".toml"; }

void refuse_recipe_keys(const DataOptions& options) {
  if (options.overrides.empty()) return;
  util::fail("--", options.overrides.front().key, ": is a recipe key, but ", options.target,
             " is not a recipe");
}

// A folder of text is neither.
void check_prepared(const fs::path& folder) {
  util::require(
      fs::exists(folder / util::kCorpusFile), folder.string(),
      ": is neither a recipe (.toml) nor a prepared corpus folder (it has no corpus.json)");
}

// Text is not a token file, and a recipe needs its ending.
void check_token_file_name(const DataOptions& options) {
  const fs::path ending = fs::path(options.target).extension();
  std::error_code ignored;
  util::require(options.format != "auto" || ending == ".bin" || ending == ".npy" ||
                    ending == ".idx" || !fs::is_regular_file(options.target, ignored),
                options.target,
                ": must be a recipe (.toml), a prepared folder or a token file "
                "(.bin, .npy, .idx; another with --format)");
}

void refuse_token_file_options(const DataOptions& options) {
  util::require(options.tokenizer.empty() && options.format == "auto",
                "--tokenizer, --format: are for token files only; ", options.target,
                " defines its own tokenizer and format");
}

void inspect(const NamedCorpus& named, const DataOptions& options) {
  const corpus::PreparedCorpus& corpus = named.corpus;
  const tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::from_json(
      corpus.tokenizer.tokenizer_json, (corpus.folder / "tokenizer.json").string());
  std::cout << prefix(named) << corpus.folder.string() << ": " << corpus.vocabulary_size << " ids, "
            << corpus.tokenizer.end_of_document << " ends a document\n";
  print_corpus(corpus);
  print_sources(corpus.sources, options.all_sources);
  print_left_out_files(corpus.sources);
  const bool held_out = options.held_out || corpus.train_stats.documents == 0;
  const corpus::TokenShards& tokens = held_out ? *corpus.validation : *corpus.train;
  check_from(tokens, options);
  const corpus::Inspection inspection = corpus::inspect(tokens, corpus.bytes_per_id);
  print_lengths(inspection);
  print_histogram(inspection, &tokenizer);
  const corpus::DocumentFiles files(corpus, held_out);
  print_documents(tokens, options, &tokenizer,
                  [&](std::int64_t document) { return files.name_of(document); });
}

// Whether shards and sources are as recorded.
bool verify(const std::string& prefix, const fs::path& folder) {
  const corpus::VerifyReport report = corpus::verify_corpus(folder);
  std::cout << prefix << folder.string() << ": " << report.shards << " shards as recorded, "
            << report.sources << " source files unchanged\n";
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
  for (const NamedCorpus& named : prepare(options)) {
    std::cout << prefix(named) << (named.corpus.was_cached ? "already prepared: " : "prepared: ")
              << named.corpus.folder.string() << '\n';
    print_corpus(named.corpus);
  }
  return kDone;
}

int data_inspect_command(const DataOptions& options) {
  if (!is_recipe(options.target)) refuse_recipe_keys(options);
  if (!fs::is_directory(options.target) && !is_recipe(options.target)) {
    check_token_file_name(options);
    return inspect_token_file(options);
  }
  refuse_token_file_options(options);
  if (fs::is_directory(options.target)) check_prepared(options.target);
  for (const NamedCorpus& named : open(options)) inspect(named, options);
  return kDone;
}

int data_verify_command(const DataOptions& options) {
  const bool is_folder = fs::is_directory(options.target);
  if (is_folder) {
    refuse_recipe_keys(options);
    check_prepared(options.target);
    return verify("", options.target) ? kDone : kFailed;
  }
  const train::RunConfig recipe = load_recipe(options.target, options.overrides).base;
  bool unchanged = true;
  for (const data::FoundCorpus& found : train::find_corpora(recipe)) {
    const std::string prefix = found.name.empty() ? "" : found.name + ", ";
    if (found.search.folder) {
      unchanged = verify(prefix, *found.search.folder) && unchanged;
      continue;
    }
    for (const std::string& why : found.search.passed_over) {
      std::cout << prefix << "passed over: " << why << '\n';
    }
    std::cout << prefix << "not prepared: `superpose data prepare " << options.target
              << "` does that\n";
    unchanged = false;
  }
  return unchanged ? kDone : kFailed;
}

}  // namespace superpose::cli
