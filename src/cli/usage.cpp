#include "cli/usage.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

#include "config/synonyms.h"
#include "experiment/recipe_names.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

using config::Synonym;

constexpr Synonym kOptions[] = {
    {"output", "out"},
    {"output_dir", "out"},
    {"output_file", "out"},
    {"out_dir", "out"},
    {"np", "ranks"},
    {"nproc", "ranks"},
    {"nproc_per_node", "ranks"},
    {"num_processes", "ranks"},
    {"world_size", "ranks"},
    {"init_from", "from"},
    {"from_checkpoint", "from"},
    {"load", "from"},
    {"plan", "dry-run"},
    {"check", "dry-run"},
    {"print_config", "print-recipe"},
    {"vocabulary_size", "vocab-size"},
    {"special_tokens", "special"},
    {"min_freq", "min-frequency"},
    {"num_threads", "threads"},
    {"num_workers", "threads"},
    {"workers", "threads"},
    {"count", "documents"},
    {"limit", "documents"},
    {"num_documents", "documents"},
    {"bag_sizes", "bags"},
    {"gpu", "device"},
    {"cpu_capability", "isa"},
    {"max_new_tokens", "max-tokens"},
    {"max_length", "max-tokens"},
    {"ignore_eos", "ignore-end"},
};

constexpr Synonym kCommands[] = {
    {"fit", "train"},
    {"run", "train"},
    {"pretrain", "train"},
    {"resume", "train"},
    {"benchmark", "bench"},
    {"profile", "bench"},
    {"sweep", "compare"},
    {"experiment", "compare"},
    {"plot", "report"},
    {"check", "selftest"},
    {"diagnose", "doctor"},
    {"preflight", "doctor"},
    {"budget", "plan"},
    {"test", "selftest"},
    {"torchrun", "launch"},
    {"complete", "generate"},
    {"infer", "generate"},
    {"sample", "generate"},
    {"tokenize", "tokenizer encode"},
    {"detokenize", "tokenizer decode"},
    {"dataset", "data"},
    {"preprocess", "data prepare"},
    {"show", "data inspect"},
};

// "superpose data prepare"
std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

// The program and the commands that the words have chosen, as far as they have; outermost first.
std::vector<const CLI::App*> chosen_commands(const CLI::App& app) {
  std::vector<const CLI::App*> chosen = {&app};
  while (!chosen.back()->get_subcommands().empty()) {
    chosen.push_back(chosen.back()->get_subcommands().front());
  }
  return chosen;
}

// The words that a command could not place.
std::vector<std::string> words_left(const CLI::App& command) {
  std::vector<std::string> left = command.remaining();
  // Behind `launch` comes a program with words of its own.
  if (command.get_prefix_command() && !left.empty() && !left.front().starts_with('-')) left.clear();
  return left;
}

std::vector<const CLI::App*> commands_below(const CLI::App& app) {
  std::vector<const CLI::App*> all;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    all.push_back(command);
    const std::vector<const CLI::App*> below = commands_below(*command);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

std::string with_suggestion(const std::string& problem, const std::string& suggestion,
                            const CLI::App& command) {
  return problem + (suggestion.empty() ? ", see " + full_name(command) + " --help"
                                       : ", did you mean " + suggestion + "?");
}

std::string own_option(const std::string& name, const CLI::App& command) {
  std::vector<std::string> plain;
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& own : option->get_lnames()) {
      names.push_back(own);
      plain.push_back(config::plain_name(own));
    }
  }
  const std::string_view meant = config::meant_by(name, kOptions);
  const std::string wanted = meant.empty() ? name : std::string(meant);
  const std::string nearest = config::slip_of(config::plain_name(wanted), plain);
  const auto found = std::find(plain.begin(), plain.end(), nearest);
  return found == plain.end() ? "" : "--" + names[static_cast<std::size_t>(found - plain.begin())];
}

// A key of the recipe as it is typed: the first entry of a list.
std::string recipe_option(const std::string& name) {
  std::string key = experiment::recipe_key_meant_by(name);
  if (const std::size_t list = key.find("[]"); list != key.npos) key.insert(list + 1, "0");
  return key.empty() ? "" : "--" + key;
}

std::string unknown_option(const std::string& word, const CLI::App& command, bool takes_recipe) {
  const std::string option = word.substr(0, word.find('='));
  const std::string name = option.substr(std::min(option.find_first_not_of('-'), option.size()));
  std::string suggestion = own_option(name, command);
  if (suggestion.empty() && takes_recipe) suggestion = recipe_option(name);
  return with_suggestion(option + ": unknown option", suggestion, command);
}

std::string unknown_command(const std::string& word, const CLI::App& app) {
  const CLI::App* root = &app;
  while (root->get_parent() != nullptr) root = root->get_parent();
  const std::string program = root->get_name() + " ";
  const std::string problem = word + ": no such command";
  if (word.ends_with(".toml")) return with_suggestion(problem, program + "train " + word, app);
  std::string wanted(config::meant_by(word, kCommands));
  if (wanted.empty()) wanted = word;
  std::vector<std::string> paths;
  std::vector<std::string> names;
  for (const CLI::App* command : commands_below(app)) {  // those near come first
    paths.push_back(full_name(*command));
    names.push_back(command->get_name());
  }
  for (const CLI::App* command : commands_below(*root)) {
    const std::string path = full_name(*command);
    if (path == program + wanted) return with_suggestion(problem, path, app);
    paths.push_back(path);
    names.push_back(command->get_name());
  }
  const std::string nearest = config::slip_of(wanted, names);
  const auto found = std::find(names.begin(), names.end(), nearest);
  const bool is_near = found != names.end();
  return with_suggestion(
      problem, is_near ? paths[static_cast<std::size_t>(found - names.begin())] : "", app);
}

// CLI11 names what is missing in words of its own.
std::string missing(const CLI::App& command, const std::string& text) {
  std::vector<std::string> names;
  for (const CLI::App* below : command.get_subcommands(nullptr)) names.push_back(below->get_name());
  if (!names.empty()) {
    return command.get_name() + ": a command is required (" + util::join(names, ", ") + ")";
  }
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() || text != option->get_name() + " is required") continue;
    const std::vector<std::string>& letters = option->get_snames();
    std::string what = option->get_description();
    if (!what.empty()) what.front() = static_cast<char>(std::tolower(what.front()));
    return (letters.empty() ? option->get_name() : "-" + letters.front()) + " " +
           option->get_type_name() + " (" + what + ") is required";
  }
  return text;
}

// "--seed" of "Could not convert: --seed = 1.5", and the like: CLI11 says in words of its own what
// is wrong with an option's value. Nothing where it is about something else.
std::optional<std::string> about_value(const CLI::App& command, const CLI::ParseError& error) {
  const std::string text = error.what();
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_name();
    const auto begins = [&](const std::string& front) { return text.starts_with(front); };
    if (begins("Could not convert: " + name + " = ")) {
      return name + ": must be a number, got " +
             util::shortened(util::join(option->results(), " "));
    }
    if (error.get_name() == "ArgumentMismatch" && begins(name + " was given")) {
      return name + ": takes no value";
    }
    if (error.get_name() == "ArgumentMismatch" && begins(name + ": ")) {
      return name + ": needs a value";
    }
    if (error.get_name() == "ExcludesError" && begins(name + " excludes ")) {
      return name + ": does not go together with " + text.substr(name.size() + 10);
    }
    if (error.get_name() == "RequiresError" && begins(name + " requires ")) {
      return name + ": needs " + text.substr(name.size() + 10);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string usage_message(const CLI::App& app, const CLI::ParseError& error,
                          const std::vector<const CLI::App*>& recipe_commands) {
  const std::vector<const CLI::App*> chosen = chosen_commands(app);
  const CLI::App& command = *chosen.back();
  const bool takes_recipe =
      &command == &app ||
      std::find(recipe_commands.begin(), recipe_commands.end(), &command) != recipe_commands.end();
  for (const CLI::App* place : chosen) {
    for (const std::string& word : words_left(*place)) {
      if (word.starts_with('-')) return unknown_option(word, command, takes_recipe);
    }
  }
  const std::vector<std::string> left = words_left(command);
  if (!left.empty() && !command.get_subcommands(nullptr).empty()) {
    return unknown_command(left.front(), command);
  }
  if (!left.empty()) {
    return with_suggestion(left.front() + ": one argument too many for " + full_name(command), "",
                           command);
  }
  if (const std::optional<std::string> problem = about_value(command, error)) return *problem;
  // A value that is refused is named by its option; the rest is CLI11's own words.
  const std::string text = error.what();
  if (error.get_name() == "RequiredError") {
    return with_suggestion(missing(command, text), "", command);
  }
  return text.starts_with("--") ? text : with_suggestion(text, "", command);
}

}  // namespace superpose::cli
