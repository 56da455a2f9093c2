// superpose: pre-trains language models with Token Superposition Training. Wiring only: reads the
// command line, calls a command, turns errors into one line and an exit code.
#include <c10/util/Exception.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_options.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/eval_options.h"
#include "cli/generate_options.h"
#include "cli/help.h"
#include "cli/option_checks.h"
#include "cli/overrides.h"
#include "cli/paths.h"
#include "cli/plan_options.h"
#include "cli/report_options.h"
#include "cli/tokenizer_text_options.h"
#include "cli/tokenizer_train_options.h"
#include "cli/usage.h"
#include "corpus/corpus.h"
#include "ops/kernels.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

constexpr const char* kRecipeKeys =
    "Any key of the recipe can be given as an option, --section.key value (--train.steps 100).\n"
    "superpose train --print-recipe lists all keys with their defaults.\n"
    "Exit codes: 0 done, 1 failed, 2 usage (the command line must be changed)";

// Of commands that continue where a signal interrupted them.
constexpr const char* kInterrupted = ", 3 interrupted;\nthe same command continues.";

constexpr const char* kStopping =
    "On Ctrl-C, SIGTERM, SIGHUP (a closed terminal, unless started by nohup), SIGQUIT, SIGUSR1,\n"
    "SIGUSR2 and SIGXCPU: finish the current step, save a checkpoint and exit; the same command\n"
    "continues. A second Ctrl-C exits at once. A closed output pipe (| head) does not stop the "
    "run.";

// What the status line says of a step.
constexpr const char* kLosses =
    "The status line has the \"bag loss\" of superposed phases, the \"NTP loss\" of next-token\n"
    "prediction (NTP), and \"val NTP\", the next-token loss on held-out text.\n";

// Cuts the command off the words of `launch -n 2 -- command`; CLI11 would hand it to the program's
// own parser. Without "--" the command begins at the first word that is not an option.
std::vector<std::string> take_command(std::vector<std::string>& words) {
  for (auto word = words.begin() + 1; word < words.end(); ++word) {
    if (*word == "--") {
      std::vector<std::string> command(word + 1, words.end());
      words.erase(word, words.end());
      return command;
    }
    if (*word == "-n" || *word == "--ranks") {
      if (++word == words.end()) break;
    } else if (!word->starts_with('-')) {
      break;
    }
  }
  return {};
}

// What a parsed command line asks for; the chosen command has filled its own member.
struct Arguments {
  TrainOptions train;
  CompareOptions compare;
  BenchOptions bench;
  PlanOptions plan;
  DoctorOptions doctor;
  SelftestOptions selftest;
  ReportOptions report;
  DataOptions data;
  LaunchCommandOptions launch;
  TokenizerTextOptions tokenizer_text;
  TokenizerTrainOptions tokenizer_train;
  std::string checkpoint;
  ExportOptions export_model;
  GenerateOptions generate;
  EvalOptions eval;
  std::string isa;  // of those that compute; selftest has its own
  bool print_recipe = false;
  bool version = false;
  std::vector<const CLI::App*> recipe_commands = {};  // those that take keys of a recipe
};

// Every one that is a path; those of --arm are expanded where it is taken apart.
void expand_paths(Arguments& arguments) {
  const auto expand = [](std::string& path) { path = expand_path(path); };
  for (std::string* path :
       {&arguments.train.recipe, &arguments.compare.recipe, &arguments.bench.recipe,
        &arguments.plan.model, &arguments.doctor.recipe, &arguments.selftest.out,
        &arguments.report.out, &arguments.data.target, &arguments.data.tokenizer,
        &arguments.tokenizer_text.tokenizer, &arguments.tokenizer_train.out, &arguments.checkpoint,
        &arguments.export_model.from, &arguments.export_model.to, &arguments.generate.model,
        &arguments.generate.prompts, &arguments.eval.data, &arguments.eval.requests,
        &arguments.eval.tokenizer}) {
    expand(*path);
  }
  for (std::optional<std::string>* path :
       {&arguments.train.from, &arguments.bench.json, &arguments.bench.export_folder,
        &arguments.plan.recipe, &arguments.plan.json, &arguments.doctor.json,
        &arguments.eval.records, &arguments.eval.json}) {
    if (*path) expand(**path);
  }
  for (std::string& path : arguments.report.folders) expand(path);
  for (std::string& path : arguments.tokenizer_train.sources) expand(path);
  for (std::string& path : arguments.eval.models) expand(path);
  for (std::string& path : arguments.eval.tasks) expand(path);
  for (std::string& path : arguments.eval.texts) expand(path);
}

// What becomes of a command that a signal interrupts.
enum class OnSignal { kContinuable, kEnds };

void add_recipe_keys(CLI::App* command, Arguments& arguments, OnSignal on_signal,
                     const std::string& more = "") {
  arguments.recipe_commands.push_back(command);
  const char* end = on_signal == OnSignal::kContinuable ? kInterrupted : ".";
  command->footer(std::string(kRecipeKeys) + end + more);
}

// What is behind the recipe's keys where a model is built.
std::string more_on_models() { return "\n\nModels (model.preset):\n" + preset_table(); }

void add_isa(CLI::App* command, std::string& isa, bool takes_all = false) {
  std::vector<std::string> names = ops::isa_levels();
  names.insert(names.begin(), "auto");
  if (takes_all) names.push_back("all");
  command
      ->add_option("--isa", isa,
                   "Instruction set of the CPU kernels: " + util::join(names, ", ") +
                       "; auto is the best that this CPU has")
      ->type_name("NAME")
      ->default_str("SUPERPOSE_ISA in the environment, else auto")
      ->check(one_of(names));
}

CLI::App* add_train(CLI::App& app, Arguments& arguments) {
  CLI::App* command =
      app.add_subcommand("train", "Train a model; resumes automatically from its last checkpoint");
  command->add_option("recipe", arguments.train.recipe, "Recipe file (TOML)");
  command->add_option(
      "--from", arguments.train.from,
      "Checkpoint of another run, or its folder: a new run starts with its weights and optimizer\n"
      "state. On the same corpus, training continues from that step and data position; on another\n"
      "corpus, a new stage begins (see train.continue_schedule)");
  CLI::Option* dry_run =
      command->add_flag("--dry-run", arguments.train.dry_run,
                        "Print the plan, with time from a few measured steps, and stop;\n"
                        "exit code 1 for a run that cannot work");
  command
      ->add_option("--ranks", arguments.train.ranks,
                   "With --dry-run: the plan of as many ranks on this machine, without starting "
                   "them;\nno time is measured")
      ->check(whole_number(1))
      ->needs(dry_run)
      ->default_str("those that run");
  add_overwrite(command, arguments.train.overwrite);
  command->add_flag("--print-recipe", arguments.print_recipe,
                    "Print every recipe key with its default and meaning");
  add_isa(command, arguments.isa);
  add_recipe_keys(command, arguments, OnSignal::kContinuable,
                  std::string("\n") + kLosses + kStopping + more_on_models());
  return command;
}

// What [compare] may hold, in short.
constexpr const char* kCompareKeys =
    "\n[compare] says what is compared: seeds, learning_rates to choose from, budgets, "
    "[[compare.arms]];\n"
    "[compare.grid], \"phases.bag_size\" = [2, 4], runs the arms with every combination of "
    "values;\n"
    "[[compare.noise]] says what is known of the spread between seeds. Arms may be added later.\n";

CLI::App* add_compare(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("compare",
                                         "Train the recipe with and without superposition, or its "
                                         "own arms, at equal compute, and write a report");
  command->add_option("recipe", arguments.compare.recipe, "Recipe file (TOML)")->required();
  command->add_flag("--dry-run", arguments.compare.dry_run,
                    "List every run (steps, time, disk, raw tokens; runs that share their first "
                    "steps are indented), print the smallest difference the seeds can show, and "
                    "stop");
  command
      ->add_option("--only", arguments.compare.only,
                   "Run only a part: arm=NAME, seed=N, budget=X, comma-separated (any of them)")
      ->default_str("all of it");
  add_overwrite(command, arguments.compare.overwrite);
  add_isa(command, arguments.isa);
  add_recipe_keys(command, arguments, OnSignal::kContinuable,
                  std::string(kCompareKeys) + "\n" + kStopping + more_on_models());
  return command;
}

CLI::App* add_bench(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "bench", "Speed, memory and where the time goes: the recipe's training step on random ids");
  add_bench_options(*command, arguments.bench);
  add_isa(command, arguments.isa);
  add_recipe_keys(command, arguments, OnSignal::kEnds, more_on_models());
  return command;
}

CLI::App* add_plan(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "plan", "From a model and a budget to a recipe; each value with its rule and source");
  add_plan_options(*command, arguments.plan);
  add_isa(command, arguments.isa);
  add_recipe_keys(command, arguments, OnSignal::kEnds, kPlanFooter + more_on_models());
  return command;
}

CLI::App* add_doctor(CLI::App& app, Arguments& arguments) {
  CLI::App* command =
      app.add_subcommand("doctor", "Check a recipe on this machine before it is trained");
  add_doctor_options(*command, arguments.doctor);
  add_isa(command, arguments.isa);
  add_recipe_keys(command, arguments, OnSignal::kEnds, kDoctorFooter);
  return command;
}

CLI::App* add_selftest(CLI::App& app, Arguments& arguments) {
  SelftestOptions& options = arguments.selftest;
  CLI::App* command =
      app.add_subcommand("selftest", "Check results and speed on this machine (1-2 minutes)");
  command->add_option("--device", options.device, "Where to compute: auto, cpu or cuda")
      ->transform(number_of(train::kDeviceNames))
      ->default_str("auto")
      ->type_name("NAME");
  add_isa(command, options.isa, /*takes_all=*/true);
  command
      ->add_option("--out", options.out,
                   "Write all results to this JSON file (attach it to bug reports)")
      ->capture_default_str();
  add_overwrite(command, options.overwrite);
  command->footer(
      "Operators against f64, superposed steps, a run that is killed twice and resumed, and step\n"
      "times for bags of 1 to 16; with --isa all, each with every instruction set that this CPU "
      "has.\n"
      "Exit code 1 where a check fails.");
  return command;
}

CLI::App* add_report(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "report",
      "Report on a run, or rebuild the report of a comparison (runs of any trainer, too)");
  add_report_options(*command, arguments.report);
  add_overwrite(command, arguments.report.overwrite);
  return command;
}

CLI::App* add_launch(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "launch",
      "Run a command as several processes on this machine: superpose launch -n 2 train RECIPE");
  command->add_option("-n,--ranks", arguments.launch.ranks, "Number of processes")
      ->check(whole_number(1, std::numeric_limits<int>::max()))
      ->type_name("N")
      ->required();
  command->add_flag("--all-output", arguments.launch.all_output, "Show the output of every rank");
  // No option of ours: CLI11 takes "[a, b]" apart, and a recipe key's value may look like that.
  command->prefix_command();
  command->footer(
      "What follows the options, or --, is train, compare, doctor or a program, with its "
      "arguments.");
  return command;
}

// The commands of `data`.
struct DataCommands {
  CLI::App* prepare;
  CLI::App* inspect;
  CLI::App* verify;
  CLI::App* mix;
};

void add_inspect_options(CLI::App* command, DataOptions& options) {
  command->add_option("--documents", options.documents, "How many documents to print")
      ->check(whole_number(0))
      ->capture_default_str();
  command->add_option("--from", options.from, "The first of them, counted from 0")
      ->check(whole_number(0))
      ->capture_default_str();
  command->add_flag("--held-out", options.held_out, "Look at the held-out documents");
  command->add_flag("--all-sources", options.all_sources, "List every source file");
  command->add_option("--tokenizer", options.tokenizer,
                      "For token files: tokenizer.json, folder or tiktoken file");
  command->add_option("--format", options.format, "For token files: as data.format in a recipe")
      ->capture_default_str();
}

DataCommands add_data(CLI::App& app, Arguments& arguments) {
  CLI::App* data = app.add_subcommand("data", "Corpora: prepare, inspect, verify, mix");
  data->require_subcommand(1);
  DataCommands commands{
      data->add_subcommand("prepare",
                           "Tokenize a recipe's corpus into shards in the cache; the same command "
                           "continues after an interruption"),
      data->add_subcommand("inspect",
                           "Print documents back as text, counts of each source, lengths and the "
                           "most frequent tokens"),
      data->add_subcommand("verify",
                           "Check prepared shards and their sources against what is recorded"),
      data->add_subcommand("mix",
                           "Show what a recipe reads of each source, phase by phase; no training")};
  for (CLI::App* command : {commands.prepare, commands.mix}) {
    command->add_option("recipe", arguments.data.target, "Recipe file (TOML)")->required();
  }
  commands.inspect
      ->add_option("corpus", arguments.data.target,
                   "Recipe file (.toml), prepared folder, or a token file of any program")
      ->required();
  commands.verify
      ->add_option("corpus", arguments.data.target, "Recipe file (TOML) or prepared folder")
      ->required();
  add_inspect_options(commands.inspect, arguments.data);
  for (CLI::App* command : {commands.prepare, commands.inspect, commands.verify, commands.mix}) {
    // All but verify prepare what is missing.
    const bool prepares = command != commands.verify;
    add_recipe_keys(command, arguments, prepares ? OnSignal::kContinuable : OnSignal::kEnds);
  }
  return commands;
}

CLI::App* add_tokenizer_train(CLI::App& tokenizer, Arguments& arguments) {
  CLI::App* command = tokenizer.add_subcommand(
      "train", "Train byte-level BPE on text, to Hugging Face's tokenizer.json");
  add_tokenizer_train_options(*command, arguments.tokenizer_train);
  add_overwrite(command, arguments.tokenizer_train.overwrite);
  return command;
}

CLI::App* add_export(CLI::App& app, Arguments& arguments) {
  ExportOptions& options = arguments.export_model;
  CLI::App* command = app.add_subcommand(
      "export", "Write a Hugging Face model folder with a model card, without the trainer's files");
  command
      ->add_option("model", options.from,
                   "Checkpoint, a run's folder (its newest checkpoint), or a Hugging Face folder")
      ->required();
  command->add_option("folder", options.to, "Folder to write")->required();
  command->add_option("--dtype", options.type, "Type of the weights: stored, f32, bf16 or f16")
      ->transform(number_of(train::kExportTypeNames))
      ->default_str("stored")
      ->type_name("NAME");
  add_overwrite(command, options.overwrite);
  return command;
}

CLI::App* add_generate(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("generate", "Text that continues a prompt");
  add_generate_options(*command, arguments.generate);
  add_isa(command, arguments.isa);
  return command;
}

CLI::App* add_eval(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "eval", "Scores of models: question answering tasks, given continuations, whole texts");
  add_eval_options(*command, arguments.eval);
  add_overwrite(command, arguments.eval.overwrite);
  add_isa(command, arguments.isa);
  return command;
}

// All commands; the words of a command line choose one of them.
struct Commands {
  const CLI::App* train;
  const CLI::App* compare;
  const CLI::App* bench;
  const CLI::App* plan;
  const CLI::App* doctor;
  const CLI::App* selftest;
  const CLI::App* report;
  CLI::App* launch;
  DataCommands data;
  TokenizerTextCommands tokenizer_text;
  const CLI::App* tokenizer_train;
  CLI::App* verify;
  CLI::App* export_model;
  const CLI::App* generate;
  const CLI::App* eval;
};

Commands add_commands(CLI::App& app, Arguments& arguments) {
  app.require_subcommand(0, 1);
  app.formatter(help_layout());
  app.add_flag("--version", arguments.version,
               "Print version, libtorch, CPU features, kernels in use and threads");
  add_isa(&app, arguments.isa);
  Commands commands{};
  commands.train = add_train(app, arguments);
  commands.compare = add_compare(app, arguments);
  commands.bench = add_bench(app, arguments);
  commands.plan = add_plan(app, arguments);
  commands.doctor = add_doctor(app, arguments);
  commands.selftest = add_selftest(app, arguments);
  commands.report = add_report(app, arguments);
  commands.launch = add_launch(app, arguments);
  commands.data = add_data(app, arguments);
  CLI::App* tokenizer = app.add_subcommand("tokenizer", "Tokenizers: encode, decode, train");
  tokenizer->require_subcommand(1);
  commands.tokenizer_text = add_tokenizer_text(*tokenizer, arguments.tokenizer_text);
  commands.tokenizer_train = add_tokenizer_train(*tokenizer, arguments);
  commands.verify = app.add_subcommand("verify", "Check a checkpoint's files against its manifest");
  commands.verify
      ->add_option("checkpoint", arguments.checkpoint,
                   "Checkpoint folder, or a run's: its newest checkpoint")
      ->required();
  commands.export_model = add_export(app, arguments);
  commands.generate = add_generate(app, arguments);
  commands.eval = add_eval(app, arguments);
  return commands;
}

// What CLI11 cannot know: which words must come, or must not, together. Throws CLI::ParseError.
void check_together(const Commands& commands, Arguments& arguments,
                    const std::vector<config::Override>& overrides) {
  const std::vector<std::string> launched = commands.launch->remaining();
  if (!launched.empty() && launched.front().starts_with('-')) throw CLI::ExtrasError(launched);
  for (const std::string& word : launched) arguments.launch.command.push_back(word);
  if (*commands.launch && arguments.launch.command.empty()) throw CLI::RequiredError("command");
  if (*commands.train && !arguments.print_recipe && arguments.train.recipe.empty()) {
    throw CLI::RequiredError("recipe (superpose train --print-recipe shows one)");
  }
  const ReportOptions& report = arguments.report;
  if (*commands.report && report.folders.empty() && report.arms.empty()) {
    throw CLI::RequiredError("folders, or --arm NAME=PATH twice or more,");
  }
  if (*commands.report && !report.folders.empty() && !report.arms.empty()) {
    throw CLI::ValidationError("--arm", "gives runs by themselves, got folders too");
  }
  const std::vector<const CLI::App*>& takers = arguments.recipe_commands;
  const PlanOptions& plan = arguments.plan;
  if (*commands.plan && !plan.flops && !plan.hours && !plan.tokens) {
    throw CLI::RequiredError("a budget (--flops, --hours or --tokens)");
  }
  const bool takes_keys =
      std::any_of(takers.begin(), takers.end(), [](const CLI::App* taker) { return bool{*taker}; });
  if (!overrides.empty() && !takes_keys) {
    throw CLI::ValidationError("--" + overrides.front().key, "this command takes no recipe keys");
  }
}

// Whether a command's product is files: it then works to its end, whoever reads its output.
bool writes_files(const Commands& commands, const Arguments& arguments) {
  const BenchOptions& bench = arguments.bench;
  const EvalOptions& eval = arguments.eval;
  return (*commands.train && !arguments.print_recipe) || *commands.compare || *commands.selftest ||
         *commands.report || *commands.data.prepare || *commands.tokenizer_train ||
         *commands.export_model || (*commands.bench && (bench.json || bench.export_folder)) ||
         (*commands.eval && (eval.records || eval.json)) ||
         (*commands.plan && (arguments.plan.recipe || arguments.plan.json)) ||
         (*commands.doctor && arguments.doctor.json);
}

int dispatch(const Commands& commands, Arguments& arguments,
             std::vector<config::Override> overrides) {
  if (arguments.version) return version_command();
  if (*commands.train && arguments.print_recipe) return print_recipe_command();
  if (*commands.train) {
    arguments.train.overrides = std::move(overrides);
    return train_command(arguments.train);
  }
  if (*commands.compare) {
    arguments.compare.overrides = std::move(overrides);
    return compare_command(arguments.compare);
  }
  if (*commands.bench) {
    arguments.bench.overrides = std::move(overrides);
    return bench_command(arguments.bench);
  }
  if (*commands.plan) {
    arguments.plan.overrides = std::move(overrides);
    return plan_command(arguments.plan);
  }
  if (*commands.doctor) {
    arguments.doctor.overrides = std::move(overrides);
    return doctor_command(arguments.doctor);
  }
  if (*commands.selftest) return selftest_command(arguments.selftest);
  if (*commands.report) return report_command(arguments.report);
  if (*commands.export_model) return export_command(arguments.export_model);
  if (*commands.generate) return generate_command(arguments.generate);
  if (*commands.eval) return eval_command(arguments.eval);
  if (*commands.verify) return verify_checkpoint_command(arguments.checkpoint);
  if (*commands.tokenizer_text.encode) return tokenizer_encode_command(arguments.tokenizer_text);
  if (*commands.tokenizer_text.decode) return tokenizer_decode_command(arguments.tokenizer_text);
  if (*commands.tokenizer_train) return tokenizer_train_command(arguments.tokenizer_train);
  arguments.data.overrides = std::move(overrides);
  if (*commands.data.prepare) return data_prepare_command(arguments.data);
  if (*commands.data.inspect) return data_inspect_command(arguments.data);
  if (*commands.data.verify) return data_verify_command(arguments.data);
  return data_mix_command(arguments.data);
}

int run(std::vector<std::string> words) {
  CLI::App app{"Pre-trains language models with Token Superposition Training (arXiv 2605.06546)",
               "superpose"};
  Arguments arguments;
  const Commands commands = add_commands(app, arguments);

  // What follows `launch` is the launched program's, recipe keys included.
  std::vector<config::Override> overrides;
  try {
    if (!words.empty() && words.front() == "launch") {
      arguments.launch.command = take_command(words);
    } else {
      overrides = take_overrides(words);
    }
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    check_values(app);
    check_together(commands, arguments, overrides);
  } catch (const CLI::Success& help) {
    app.exit(help);
    return finish_output(kDone);
  } catch (const CLI::ParseError& error) {
    std::cerr << "superpose: " << usage_message(app, error, arguments.recipe_commands) << '\n';
    return kUsage;
  }
  if (app.get_subcommands().empty() && !arguments.version) {
    std::cout << app.help();
    return kUsage;
  }
  expand_paths(arguments);
  // Its programs take signals as it found them.
  if (*commands.launch) return launch_command(arguments.launch);
  choose_isa(arguments.isa);
  const bool only_writes = writes_files(commands, arguments);
  set_lost_output(only_writes ? LostOutput::kDropped : LostOutput::kEndsProcess);
  const int code = dispatch(commands, arguments, std::move(overrides));
  return only_writes ? code : finish_output(code);
}

// Whom an error blames decides: an option is the command line's (docs/architecture.md, Failing).
int report_error(std::string_view message) {
  std::cerr << "superpose: " << message << '\n';
  return message.starts_with("--") ? kUsage : kFailed;
}

}  // namespace
}  // namespace superpose::cli

int main(int argc, char** argv) {
  try {
    superpose::cli::prepare_process(argv);
    return superpose::cli::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const superpose::corpus::PreparationStopped& stopped) {
    std::cerr << "superpose: " << stopped.what() << '\n';
    return superpose::cli::kStoppedBySignal;
  } catch (const c10::Error& error) {
    return superpose::cli::report_error(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return superpose::cli::report_error(error.what());
  }
}
