// The commands, whose options are declared in main.cpp: each takes what the command line said
// and returns the program's exit code. Errors come out as util::Error or c10::Error; main() prints
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "inference/sampling.h"
#include "tokenizer/word_splitter.h"
#include "train/model_export.h"
#include "train/run_config.h"
#include "util/output_folder.h"

namespace superpose::cli {

// Exit codes (docs/architecture.md, Failing).
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kStoppedBySignal = 3;

struct TrainOptions {
  std::string recipe;
  std::vector<config::Override> overrides;
  std::optional<std::string> from;  // checkpoint folder of another run
  bool dry_run = false;
  std::optional<std::int64_t> ranks;  // of a dry run: that it plans for
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int train_command(const TrainOptions& options);

struct CompareOptions {
  std::string recipe;
  std::vector<config::Override> overrides;
  std::string only;  // "arm=tst,seed=2"; empty = everything
  bool dry_run = false;
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int compare_command(const CompareOptions& options);

struct BenchOptions {
  std::string recipe;
  std::vector<config::Override> overrides;
  std::vector<std::int64_t> bags;  // empty: those of the recipe's phases
  std::int64_t num_blocks = 7;
  double block_seconds = 1;
  std::optional<std::string> json;  // file
  std::optional<std::string> export_folder;
  bool turns = false;
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int bench_command(const BenchOptions& options);

struct PlanOptions {
  std::string model;  // preset, folder of a Hugging Face model, recipe
  std::vector<config::Override> overrides;
  std::optional<double> flops, hours;
  std::optional<std::int64_t> tokens;
  std::optional<std::string> recipe, json;  // files
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int plan_command(const PlanOptions& options);

struct DoctorOptions {
  std::string recipe;
  std::vector<config::Override> overrides;
  std::optional<std::string> json;  // file
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int doctor_command(const DoctorOptions& options);

struct SelftestOptions {
  train::DeviceChoice device = train::DeviceChoice::kAuto;
  std::string isa;  // as wanted_isa() takes it, or "all": each that this CPU has
  std::string out = "superpose-selftest.json";
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int selftest_command(const SelftestOptions& options);

struct ReportOptions {
  std::vector<std::string> folders;  // parts of one comparison
  std::vector<std::string> arms;     // "name=PATH,PATH", instead of folders
  std::vector<std::string> map;      // "KEY=VALUE", of other trainers' records
  bool watch = false;                // rewrite the page until the runs have ended
  std::string out;                   // folder of the page; empty = the first folder, or "."
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int report_command(const ReportOptions& options);

struct DataOptions {
  // A recipe; for inspect and verify also a prepared folder; for inspect also a file.
  std::string target;
  std::vector<config::Override> overrides;
  std::int64_t documents = 3;  // inspect: how many are printed
  std::int64_t from = 0;       // the first of them
  bool held_out = false;       // of the held-out documents
  bool all_sources = false;    // inspect: list every file
  std::string tokenizer;       // of a token file
  std::string format = "auto";
};
int data_prepare_command(const DataOptions& options);
int data_inspect_command(const DataOptions& options);
int data_verify_command(const DataOptions& options);
int data_mix_command(const DataOptions& options);

struct TokenizerTextOptions {
  std::string tokenizer;    // as in a recipe: "bytes", a file or a folder
  bool json_lines = false;  // {"text": ...} per line, and a list of ids per line
  bool special_as_text = false;
};
// From standard input to standard output.
int tokenizer_encode_command(const TokenizerTextOptions& options);
int tokenizer_decode_command(const TokenizerTextOptions& options);

struct TokenizerTrainOptions {
  std::string out;                   // folder
  std::vector<std::string> sources;  // files, folders, globs
  std::int64_t vocab_size = 0;
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
  bool no_special = false;  // none of them
  std::int64_t min_frequency = 2;
  tokenizer::SplitPattern pattern = tokenizer::SplitPattern::kGpt2;
  std::int64_t threads = 0;  // 0 = all cores
  std::string text_field = "text";
  std::string separator;       // between the documents of a text file, with escapes
  std::int64_t max_bytes = 0;  // of text; 0 = all
  bool skip_bad_records = false;
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int tokenizer_train_command(const TokenizerTrainOptions& options);

int verify_checkpoint_command(const std::string& folder);

struct ExportOptions {
  std::string from, to;  // folders
  train::ExportType type = train::ExportType::kStored;
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int export_command(const ExportOptions& options);

struct GenerateOptions {
  std::string model;                  // a folder, as inference::find_model takes it
  std::optional<std::string> prompt;  // without it and `prompts`: standard input is the prompt
  std::string prompts;                // file of JSON lines; "-": standard input
  inference::SamplingConfig sampling;
  std::int64_t max_tokens = 128;
  std::vector<std::string> stops;
  std::int64_t batch = 8;
  std::int64_t threads = 0;  // 0 = all cores
  bool ignore_end = false;
  bool stats = false;
};
int generate_command(const GenerateOptions& options);

struct EvalOptions {
  std::vector<std::string> models;  // folders, as inference::find_model takes them
  std::vector<std::string> tasks;   // names or files, as tasks::find_task takes them
  std::string data;                 // folder
  std::int64_t samples = 0;         // rows of a task or of each of its groups; 0 = all
  std::string requests;             // file
  std::vector<std::string> texts;   // files, or folders of prepared corpora
  std::string text_field = "text";
  std::string separator;                     // between the documents of a text file, with escapes
  std::string tokenizer;                     // empty: the model's own
  std::optional<std::string> records, json;  // files
  std::int64_t threads = 0;                  // 0 = all cores
  util::Overwrite overwrite = util::Overwrite::kOwn;
};
int eval_command(const EvalOptions& options);

struct LaunchCommandOptions {
  int ranks = 1;
  bool all_output = false;
  std::vector<std::string> command;  // train or compare with its arguments, or any program
};
int launch_command(const LaunchCommandOptions& options);

int print_recipe_command();
int version_command();

}  // namespace superpose::cli
