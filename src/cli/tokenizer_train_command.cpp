#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/source_documents.h"
#include "corpus/readers/read_options.h"
#include "corpus/sources/source_checks.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/trained_files.h"
#include "util/error.h"
#include "util/files.h"
#include "util/output_folder.h"
#include "util/resources.h"
#include "util/status_line.h"
#include "util/stop_signal.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

using tokenizer::TrainedBpe;
using tokenizer::TrainingProgress;

SourceDocuments open_sources(const TokenizerTrainOptions& options) {
  util::require(options.max_bytes >= 0, "--max-bytes: must not be negative, got ",
                options.max_bytes);
  corpus::ReadOptions read;
  read.document_separator = corpus::unescape_separator("--separator", options.separator);
  read.text_field = options.text_field;
  read.bad_record_advice = "use --text-field NAME, or --skip-bad-records";
  read.on_bad_record =
      options.skip_bad_records ? corpus::BadRecord::kSkip : corpus::BadRecord::kError;
  return SourceDocuments(list_text_files(options.sources, std::cout), read, options.max_bytes);
}

tokenizer::BpeSettings settings_of(const TokenizerTrainOptions& options) {
  tokenizer::BpeSettings settings{
      .vocabulary_size = options.vocab_size,
      .special_tokens = options.no_special ? std::vector<std::string>() : options.special_tokens,
      .min_frequency = options.min_frequency,
      .pattern = options.pattern,
      .threads = options.threads};
  if (settings.threads == 0) settings.threads = util::available_cores();
  settings.validate();
  return settings;
}

std::string eta(double seconds, double share) {
  if (share <= 0) return "";
  return " | ETA " + util::format_duration(seconds * (1 - share) / share);
}

// Shows how far training is; throws where the user asked it to stop.
class Watch {
 public:
  Watch(const SourceDocuments& documents, std::int64_t vocab_size)
      : documents_(documents),
        vocab_size_(vocab_size),
        line_(std::cout, {.columns = terminal_columns()}),
        started_(line_.now()) {
    line_.postpone();
  }
  ~Watch() { line_.clear(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void operator()(const TrainingProgress& progress) {
    util::require(!stop_.requested(), "tokenizer train: stopped by a signal, nothing is written");
    if (!progress.counting && merging_since_ == 0) merging_since_ = seconds();
    if (line_.is_due()) line_.show(progress.counting ? counting(progress) : merging(progress));
  }
  // Makes way for other output.
  void finish() { line_.clear(); }
  // Since the construction.
  double seconds() const { return line_.now() - started_; }

 private:
  std::string counting(const TrainingProgress& progress) const {
    const double rate = static_cast<double>(progress.bytes) / seconds();
    return "counting words | " + util::format_count(progress.documents) + " documents, " +
           util::format_bytes(static_cast<std::uint64_t>(progress.bytes)) + " | " +
           util::format_bytes(static_cast<std::uint64_t>(rate)) + "/s" +
           eta(seconds(), documents_.share_done());
  }
  std::string merging(const TrainingProgress& progress) const {
    const auto done = static_cast<double>(progress.tokens) / static_cast<double>(vocab_size_);
    return "merging pairs | " + util::format_count(progress.tokens) + " of " +
           util::format_count(vocab_size_) + " tokens" + eta(seconds() - merging_since_, done);
  }

  const SourceDocuments& documents_;
  std::int64_t vocab_size_;
  util::StopSignal stop_;
  util::StatusLine line_;
  double started_;
  double merging_since_ = 0;
};

void print_outcome(const TokenizerTrainOptions& options, const TrainedBpe& trained,
                   double seconds) {
  std::cout << trained.tokens.size() << " tokens, " << trained.merges.size() << " merges from "
            << util::format_count(trained.documents) << " documents, "
            << util::format_bytes(static_cast<std::uint64_t>(trained.bytes)) << ", "
            << util::format_count(trained.distinct_words) << " distinct words in "
            << util::format_duration(seconds) << '\n';
  if (std::ssize(trained.tokens) < options.vocab_size) {
    std::cout << "fewer tokens than the " << options.vocab_size
              << " asked for: no other pair occurs "
              << std::max<std::int64_t>(options.min_frequency, 1)
              << " times; more text gives more\n";
  }
  std::cout << "written: " << options.out << " (tokenizer.json, tokenizer_config.json)\n";
  const std::string end = tokenizer::end_of_document_text(trained);
  if (end.empty()) {
    std::cout << "next: data.tokenizer = \"" << options.out
              << "\" in a recipe, and data.end_of_document: without special tokens it names what "
                 "ends a document,\nany token of the vocabulary, a line end (\"\\n\") for "
                 "example\n";
  } else {
    std::cout << "next: data.tokenizer = \"" << options.out << "\" in a recipe; " << end
              << " ends a document\n";
  }
}

}  // namespace

int tokenizer_train_command(const TokenizerTrainOptions& options) {
  const tokenizer::BpeSettings settings = settings_of(options);
  const util::OutputFolder out(options.out, options.overwrite);
  out.check({"tokenizer.json", "tokenizer_config.json"});
  SourceDocuments documents = open_sources(options);
  Watch watch(documents, settings.vocabulary_size);
  // Made before the work: a place that cannot be written to is known at once.
  util::AtomicDirectory folder = out.stage();

  const TrainedBpe trained = tokenizer::train_bpe(
      settings, [&](std::string& text) { return documents.next(text); }, std::ref(watch));
  util::write_file_atomic(folder.path() / "tokenizer.json",
                          tokenizer::trained_tokenizer_json(trained));
  util::write_file_atomic(folder.path() / "tokenizer_config.json",
                          tokenizer::trained_tokenizer_config_json(trained));
  out.commit(folder);

  watch.finish();
  if (documents.bad_records() > 0) {
    std::cout << "left out: " << documents.bad_records() << " bad records\n";
  }
  if (!documents.undivided().empty()) {
    std::cout << "warning: " << corpus::describe_undivided("--separator", documents.undivided())
              << '\n';
  }
  print_outcome(options, trained, watch.seconds());
  return kDone;
}

}  // namespace superpose::cli
