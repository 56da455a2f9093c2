#include "cli/tokenizer_text_options.h"

namespace superpose::cli {

TokenizerTextCommands add_tokenizer_text(CLI::App& tokenizer, TokenizerTextOptions& options) {
  TokenizerTextCommands commands{
      tokenizer.add_subcommand("encode", "Text on standard input to ids on standard output"),
      tokenizer.add_subcommand("decode", "Ids on standard input to text on standard output")};
  for (CLI::App* command : {commands.encode, commands.decode}) {
    command
        ->add_option("--tokenizer", options.tokenizer,
                     "\"bytes\", a tokenizer.json, a folder with one, or a tiktoken rank file")
        ->required();
    command->footer("What is supported: docs/formats/tokenizers.md.");
  }
  commands.encode->add_flag("--jsonl", options.json_lines,
                            "One document per line, {\"text\": ...}, to one list of ids per line; "
                            "without it the whole\ninput is one text");
  commands.decode->add_flag(
      "--jsonl", options.json_lines,
      "One list of ids per line to one {\"text\": ...} per line; without it the "
      "ids are separated by\nspaces and are one text");
  commands.encode->add_flag("--special-as-text", options.special_as_text,
                            "Encode special tokens that occur in the text as ordinary text");
  return commands;
}

}  // namespace superpose::cli
