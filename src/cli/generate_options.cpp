#include "cli/generate_options.h"

#include "cli/option_checks.h"

namespace superpose::cli {

void add_generate_options(CLI::App& command, GenerateOptions& options) {
  command
      .add_option("model", options.model,
                  "Checkpoint, a run's folder (its newest checkpoint), or a Hugging Face folder")
      ->required();
  CLI::Option* prompt = command.add_option("prompt", options.prompt, "Text to continue");
  prompt->default_str("standard input");
  command
      .add_option("--prompts", options.prompts,
                  "File of prompts, {\"prompt\": \"text\"} or {\"ids\": [1, 2]} per line; - is "
                  "standard input.\nWrites one line of JSON for each")
      ->excludes(prompt)
      ->default_str("none");
  command.add_option("--max-tokens", options.max_tokens, "Tokens of a text, beyond its prompt")
      ->check(whole_number(1))
      ->capture_default_str();
  command
      .add_option("--temperature", options.sampling.temperature,
                  "Logits are divided by it; 0 takes the most likely token")
      ->capture_default_str();
  command
      .add_option("--top-k", options.sampling.top_k,
                  "Choose among the k most likely tokens; 0 = all")
      ->check(whole_number(0))
      ->capture_default_str();
  command
      .add_option("--top-p", options.sampling.top_p,
                  "Choose among the most likely tokens whose probabilities sum to this; 1 = all")
      ->capture_default_str();
  command
      .add_option("--min-p", options.sampling.min_p,
                  "Choose among tokens at least this times as likely as the most likely; 0 = all")
      ->capture_default_str();
  command
      .add_option("--repetition-penalty", options.sampling.repetition_penalty,
                  "Above 1: tokens that the text holds already become less likely")
      ->capture_default_str();
  command.add_option("--seed", options.sampling.seed, "Of the random choices")
      ->check(whole_number(0))
      ->capture_default_str();
  command
      .add_option("--stop", options.stops,
                  "Text that ends the output, and is not part of it; repeat")
      ->allow_extra_args(false)
      ->default_str("none");
  command.add_flag("--ignore-end", options.ignore_end, "Continue after a token that ends texts");
  command.add_option("--batch", options.batch, "Texts that are continued at a time")
      ->check(whole_number(1))
      ->capture_default_str();
  add_threads(command, options.threads);
  command.add_flag("--stats", options.stats,
                   "Tokens per second of prompts and of generation, on standard error");
  command.footer(
      "A prompt's text follows from the prompt, its place, the seed and the options that choose\n"
      "tokens: not from the other prompts, --batch or --threads. docs/generation.md says more.");
}

}  // namespace superpose::cli
