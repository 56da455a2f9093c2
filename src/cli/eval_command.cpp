#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/eval_output.h"
#include "cli/model_tokenizer.h"
#include "cli/paths.h"
#include "cli/source_documents.h"
#include "corpus/corpus.h"
#include "corpus/readers/document_reader.h"
#include "corpus/readers/read_options.h"
#include "corpus/sources/sources.h"
#include "corpus/streams/byte_stream.h"
#include "eval/decoder_scorer.h"
#include "inference/load.h"
#include "tasks/evaluate.h"
#include "tokenizer/load.h"
#include "train/environment.h"
#include "train/model_export.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"
#include "util/json.h"
#include "util/output_folder.h"
#include "util/resources.h"
#include "util/status_line.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

namespace fs = std::filesystem;
using tasks::RequestEncoder;
using tasks::ScoreProgress;
using tasks::TaskScore;
using util::Json;

// Tokens of whole texts that are scored at a time.
constexpr std::int64_t kTextTokens = std::int64_t{1} << 18;

// What --text names: the files of texts, none of a prepared corpus.
struct NamedText {
  std::string path;  // as the user wrote it
  std::vector<corpus::SourceFile> files;
};

// Everything that is asked, read before the first model: bad input is known at once.
struct Questions {
  std::vector<tasks::LoadedTask> tasks;
  std::vector<tasks::TextRequest> requests;
  std::vector<NamedText> texts;
};

void check_options(const EvalOptions& options) {
  util::require(!options.tasks.empty() || !options.requests.empty() || !options.texts.empty(),
                "--tasks, --requests or --text must say what is evaluated");
  util::require(options.requests.empty() || options.records.has_value(),
                "--records: must name a file for the scores of --requests");
  util::require(options.requests.empty() ||
                    (options.tasks.empty() && options.texts.empty() && options.models.size() == 1),
                "--requests: goes with one model, and without --tasks and --text");
  if (options.records) {
    if (options.json) require_distinct("--records", *options.records, "--json", *options.json);
    if (!options.requests.empty()) {
      require_distinct("--records", *options.records, "--requests", options.requests);
    }
  }
  for (auto text = options.texts.begin(); text != options.texts.end(); ++text) {
    util::require(std::find(options.texts.begin(), text, *text) == text, "--text: ", *text,
                  " is given twice");
  }
}

Questions read_questions(const EvalOptions& options) {
  Questions questions;
  for (const std::string& name : options.tasks) {
    tasks::find_task(name);  // what is wrong with the name comes before what it lacks
    util::require(!options.data.empty() || !tasks::path_of_task(name).empty(),
                  "--data: must name the folder of the data set of ", name);
    tasks::LoadedTask task = tasks::load_task(name, options.data, options.samples);
    for (const tasks::LoadedTask& other : questions.tasks) {
      util::require(other.config.name != task.config.name, "--tasks: two tasks are called ",
                    task.config.name, ", their results could not be told apart");
    }
    questions.tasks.push_back(std::move(task));
  }
  if (!options.requests.empty()) {
    questions.requests =
        tasks::read_requests(corpus::open_decompressed(options.requests).bytes, options.requests);
  }
  for (const std::string& path : options.texts) {
    const bool is_corpus = fs::exists(fs::path(path) / util::kCorpusFile);
    questions.texts.push_back(
        {path, is_corpus ? std::vector<corpus::SourceFile>() : list_text_files({path}, std::cerr)});
  }
  return questions;
}

// How far some work is that begins now, on a terminal or in a log.
class Watch {
 public:
  explicit Watch(std::string name)
      : name_(std::move(name)),
        line_(terminal_columns() > 0 ? std::cout : std::cerr, {.columns = terminal_columns()}),
        began_(line_.now()) {
    line_.postpone();
  }
  ~Watch() { line_.clear(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // `share` of the work, in [0, 1].
  void show(double share) {
    if (share <= 0 || !line_.is_due()) return;
    line_.show(name_ + ": " + util::fixed(100 * share, 1) + " % | ETA " +
               util::format_duration((line_.now() - began_) * (1 - share) / share));
  }
  ScoreProgress progress() {
    return [this](std::int64_t done, std::int64_t all) {
      show(static_cast<double>(done) / static_cast<double>(all));
    };
  }

 private:
  std::string name_;
  util::StatusLine line_;
  double began_;
};

// A model with the tokenizer that its questions are put in.
class Subject {
 public:
  Subject(const std::string& path, const std::string& tokenizer)
      : model_(inference::load_model(path)),
        spec_(tokenizer.empty() ? model_.tokenizer.string() : tokenizer),
        tokenizer_(open(spec_, model_)),
        encoder_(tokenizer_, prefix_of(spec_, tokenizer_, model_.description)),
        scorer_(model_.decoder) {}

  RequestEncoder& encoder() { return encoder_; }
  const tasks::Scorer& scorer() const { return scorer_; }
  const tokenizer::Tokenizer& tokenizer() const { return tokenizer_; }
  const fs::path& folder() const { return model_.folder; }

 private:
  static tokenizer::Tokenizer open(const std::string& spec, const inference::LoadedModel& model) {
    util::require(!spec.empty(), model.folder.string(),
                  ": has no tokenizer.json: name a tokenizer with --tokenizer");
    return open_model_tokenizer(spec, model.description);
  }

  // The token that begins texts, else the one that ends them.
  static std::int32_t prefix_of(const std::string& spec, const tokenizer::Tokenizer& tokenizer,
                                const checkpoint::HuggingFaceModel& model) {
    const fs::path file = fs::is_directory(spec) ? fs::path(spec) / "x" : fs::path(spec);
    if (!fs::exists(file.parent_path() / "tokenizer_config.json")) {
      const std::optional<std::int64_t> known = model.bos_token_id || model.eos_token_ids.empty()
                                                    ? model.bos_token_id
                                                    : std::optional(model.eos_token_ids.front());
      if (known && *known < tokenizer.vocabulary_size()) return static_cast<std::int32_t>(*known);
    }
    const tokenizer::LoadedTokenizer loaded = tokenizer::load_tokenizer(spec);
    return tasks::prefix_token(tokenizer, loaded.config_json, loaded.end_of_document);
  }

  inference::LoadedModel model_;
  std::string spec_;
  tokenizer::Tokenizer tokenizer_;
  RequestEncoder encoder_;
  eval::DecoderScorer scorer_;
};

// The documents of --text one after the other.
class Documents {
 public:
  Documents(const NamedText& text, const EvalOptions& options, Subject& subject)
      : subject_(subject) {
    const std::string& path = text.path;
    if (text.files.empty()) {
      corpus_.emplace(corpus::open_corpus(path));
      const auto other = tokenizer::Tokenizer::from_json(corpus_->tokenizer.tokenizer_json, path);
      util::require(other.hash() == subject.tokenizer().hash(), path,
                    ": was prepared with another tokenizer than the model's");
      util::require(corpus_->validation != nullptr, path, ": holds out no documents");
      return;
    }
    corpus::ReadOptions read;
    read.document_separator = corpus::unescape_separator("--separator", options.separator);
    read.text_field = options.text_field;
    read.bad_record_advice = "use --text-field NAME";
    files_.emplace(text.files, read, /*max_bytes=*/0);
  }

  double share_done() const {
    if (files_) return files_->share_done();
    const std::int64_t tokens = corpus_->validation->num_tokens();
    return tokens > 0 ? static_cast<double>(begin_) / static_cast<double>(tokens) : 1;
  }

  bool next(tasks::TextDocument& document) {
    if (corpus_) return next_of_corpus(document);
    std::string text;
    do {
      if (!files_->next(text)) return false;
    } while (text.empty());
    document = tasks::encode_document(text, subject_.encoder());
    return true;
  }

 private:
  bool next_of_corpus(tasks::TextDocument& document) {
    const corpus::TokenShards& shards = *corpus_->validation;
    if (next_ == shards.num_documents()) return false;
    const std::int64_t end = shards.document_ends()[static_cast<std::size_t>(next_++)];
    document = {};
    document.ids.resize(static_cast<std::size_t>(end - begin_));
    shards.read(begin_, document.ids);
    for (const std::int32_t id : document.ids) {
      document.bytes += corpus_->bytes_per_id[static_cast<std::size_t>(id)];
    }
    begin_ = end;
    return true;
  }

  Subject& subject_;
  std::optional<SourceDocuments> files_;
  std::optional<corpus::PreparedCorpus> corpus_;
  std::int64_t next_ = 0;   // document of the corpus
  std::int64_t begin_ = 0;  // its first token
};

// What is measured, model by model.
class Evaluation {
 public:
  explicit Evaluation(const EvalOptions& options) : options_(options) {}

  ModelScores run(const std::string& path, const Questions& questions) {
    Subject subject(path, options_.tokenizer);
    if (train::lies_inside_superposition(subject.folder())) {
      std::cerr << "warning: " << path
                << " lies inside superposition: it predicts bags, and these measures are of the "
                   "next token\n";
    }
    ModelScores result{.model = path, .scores = {}};
    for (const tasks::LoadedTask& task : questions.tasks) run_task(task, subject, result);
    if (!questions.requests.empty()) run_requests(questions.requests, subject);
    for (const NamedText& text : questions.texts) run_text(text, subject, result);
    return result;
  }

  const std::string& records() const { return records_; }

 private:
  void add_record(const std::string& model, const Json& record) {
    Json line = Json::object();
    if (options_.models.size() > 1) line["model"] = model;
    line.update(record);
    records_ += line.dump() + "\n";
  }

  void report_cut(const std::string& name, std::int64_t cut) const {
    if (cut == 0) return;
    std::cerr << "warning: " << name
              << ": contexts cut from the left, as the model reads no more tokens: "
              << util::with_commas(cut) << '\n';
  }

  void run_task(const tasks::LoadedTask& task, Subject& subject, ModelScores& result) {
    Watch watch(task.config.name);
    const tasks::TaskResult scored = tasks::evaluate(task.config, task.items, subject.encoder(),
                                                     subject.scorer(), watch.progress());
    report_cut(task.config.name, scored.cut_requests);
    for (const tasks::ItemScore& item : scored.items) {
      add_record(result.model, tasks::to_record(task.config.name, item));
    }
    std::vector<TaskScore> scores = tasks::summarize(task.config, scored.items);
    std::move(scores.begin(), scores.end(), std::back_inserter(result.scores));
  }

  void run_requests(const std::vector<tasks::TextRequest>& requests, Subject& subject) {
    Watch watch("requests");
    const tasks::RequestResult scored =
        tasks::score_requests(requests, subject.encoder(), subject.scorer(), watch.progress());
    report_cut("requests", scored.cut_requests);
    for (const tasks::Score& score : scored.scores) {
      records_ +=
          Json{{"loglikelihood", score.log_likelihood}, {"is_greedy", score.is_greedy}}.dump() +
          "\n";
    }
  }

  void run_text(const NamedText& text, Subject& subject, ModelScores& result) {
    const std::string& path = text.path;
    Documents documents(text, options_, subject);
    std::vector<tasks::TextScore> scores;
    std::vector<tasks::TextDocument> batch;
    Watch watch(path);
    const auto score_batch = [&] {
      const auto scored = tasks::score_texts(batch, subject.encoder().prefix(), subject.scorer());
      scores.insert(scores.end(), scored.begin(), scored.end());
      batch.clear();
      watch.show(documents.share_done());
    };
    std::int64_t tokens = 0;
    for (tasks::TextDocument document; documents.next(document);) {
      tokens += std::ssize(document.ids);
      batch.push_back(std::move(document));
      if (tokens < kTextTokens) continue;
      score_batch();
      tokens = 0;
    }
    score_batch();
    util::require(!scores.empty(), path, ": holds no text");
    for (std::size_t i = 0; i < scores.size(); ++i) {
      Json record{{"text", path},
                  {"index", i},
                  {"loglikelihood", scores[i].log_likelihood},
                  {"tokens", scores[i].tokens},
                  {"bytes", scores[i].bytes}};
      if (scores[i].words > 0) record["words"] = scores[i].words;
      add_record(result.model, record);
    }
    result.scores.push_back(tasks::summarize_texts(path, scores));
  }

  const EvalOptions& options_;
  std::string records_;
};

}  // namespace

int eval_command(const EvalOptions& options) {
  check_options(options);
  std::optional<util::OutputFile> records, json;
  if (options.records) records.emplace(*options.records, options.overwrite).check();
  if (options.json) json.emplace(*options.json, options.overwrite).check();
  for (const std::string& model : options.models) inference::find_model(model);  // before the work
  const Questions questions = read_questions(options);
  const train::ThreadScope threads(options.threads > 0 ? options.threads : util::available_cores());
  Evaluation evaluation(options);
  std::vector<ModelScores> models;
  for (const std::string& model : options.models)
    models.push_back(evaluation.run(model, questions));
  // On standard error: what is on standard output is for other programs, too.
  const auto write = [](util::OutputFile& file, const std::string& path, const std::string& text) {
    file.write(text);
    std::cerr << "written: " << path << '\n';
  };
  if (records) write(*records, *options.records, evaluation.records());
  if (json) write(*json, *options.json, scores_to_json(models).dump(1) + "\n");
  if (!models.front().scores.empty()) print_scores(std::cout, models);
  return kDone;
}

}  // namespace superpose::cli
