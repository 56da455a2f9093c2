#include "cli/eval_options.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cli/option_checks.h"
#include "tasks/task_config.h"
#include "util/text.h"

namespace superpose::cli {

void add_eval_options(CLI::App& command, EvalOptions& options) {
  command
      .add_option("models", options.models,
                  "Checkpoints, runs' folders (their newest checkpoints), or Hugging Face folders")
      ->required();
  command
      .add_option("--tasks", options.tasks,
                  "Names or TOML files, separated by commas; NAME@5 puts five examples in front of "
                  "each question")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("--data", options.data, "Folder of the tasks' data sets")
      ->default_str("that of a task's TOML file");
  command
      .add_option("--samples", options.samples,
                  "Only the first so many rows of each task, or of each of its groups; 0 = all")
      ->check(whole_number(0))
      ->capture_default_str();
  command.add_option("--requests", options.requests,
                     "JSON lines {\"context\": ..., \"continuation\": ...}: log-likelihoods of the "
                     "continuations, "
                     "{\"loglikelihood\": ..., \"is_greedy\": ...} per line of --records");
  command
      .add_option(
          "--text", options.texts,
          "Text to predict: files, folders or globs of text, JSON lines or Parquet, or a prepared "
          "corpus (its held-out documents); repeat the option for another one")
      ->allow_extra_args(false);
  command.add_option("--text-field", options.text_field, "Field of JSON lines and Parquet")
      ->capture_default_str();
  command
      .add_option("--separator", options.separator,
                  "Text between two documents of a text file, with \\n, \\t and \\\\ as escapes")
      ->default_str("none: a file is one document");
  command
      .add_option("--tokenizer", options.tokenizer,
                  "\"bytes\", a tokenizer.json, its folder, or a tiktoken file")
      ->default_str("that of the model's folder");
  command.add_option("--records", options.records,
                     "File for a line of JSON per row of a task, request or document");
  command.add_option("--json", options.json, "File for all results");
  add_threads(command, options.threads);
  // Records name the model by what is written here.
  command.callback([&options] {
    for (auto model = options.models.begin(); model != options.models.end(); ++model) {
      if (std::find(options.models.begin(), model, *model) == model) continue;
      throw CLI::ValidationError("models", "must differ, got " + *model + " twice");
    }
  });
  std::vector<std::string> names;
  for (const tasks::NamedTask& task : tasks::named_tasks()) names.emplace_back(task.name);
  command.footer(
      "Tasks:\n" + util::join(names, ", ") +
      "\n\nPrompts, tokens and scores are those of lm-eval 0.4. Nothing is downloaded: "
      "docs/evaluation.md\nsays where the data sets come from, and how to write a task.");
}

}  // namespace superpose::cli
