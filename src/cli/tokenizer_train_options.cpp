#include "cli/tokenizer_train_options.h"

#include "cli/option_checks.h"

namespace superpose::cli {

void add_tokenizer_train_options(CLI::App& command, TokenizerTrainOptions& options) {
  command
      .add_option("sources", options.sources,
                  "Files, folders, globs: text or JSON lines, plain or .gz, .zst, .xz; Parquet")
      ->required();
  command.add_option("--out", options.out, "Folder for the tokenizer")->required();
  command
      .add_option("--vocab-size", options.vocab_size,
                  "Tokens in all, with the 256 bytes and the special tokens")
      ->check(whole_number(1))
      ->required();
  // One word per option: CLI11 would take "[PAD]" apart as a list.
  CLI::Option* special =
      command
          .add_option("--special", options.special_tokens,
                      "Special token; repeat; ids 0, 1, ... Documents end with <|endoftext|> or, "
                      "where it is not\nnamed, the first")
          ->allow_extra_args(false)
          ->capture_default_str();
  command
      .add_flag("--no-special", options.no_special,
                "No special tokens; recipes must then set data.end_of_document")
      ->excludes(special);
  command
      .add_option("--min-frequency", options.min_frequency,
                  "How often a pair must occur to be merged")
      ->check(whole_number(0))
      ->capture_default_str();
  command
      .add_option("--pattern", options.pattern,
                  "How text is split into words: gpt2, llama3 or qwen2")
      ->transform(number_of(tokenizer::kSplitPatternNames))
      ->default_str("gpt2")
      ->type_name("NAME");
  add_threads(command, options.threads);
  command
      .add_option("--text-field", options.text_field,
                  "Field of JSON lines, column of Parquet, as a dotted path")
      ->capture_default_str();
  command
      .add_option("--separator", options.separator,
                  "Text between the documents of a text file, for example \\n\\n")
      ->default_str("one document per file");
  command.add_option("--max-bytes", options.max_bytes, "Stop after this many bytes; 0 = read all")
      ->check(whole_number(0))
      ->capture_default_str();
  command.add_flag(
      "--skip-bad-records", options.skip_bad_records,
      "Leave out and count JSON lines and rows without the field, instead of stopping");
}

}  // namespace superpose::cli
