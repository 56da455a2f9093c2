#include "cli/help.h"

#include <cstdint>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "model/accounting.h"
#include "model/presets.h"
#include "util/table.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

// The words of `text` in lines of at most `columns`.
std::string wrapped(const std::string& text, std::size_t columns) {
  std::string result;
  std::size_t used = 0;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool fits = used + 1 + word.size() <= columns;
    if (used > 0) result += fits ? ' ' : '\n';
    used = used > 0 && fits ? used + 1 + word.size() : word.size();
    result += word;
  }
  return result;
}

class Layout final : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    return wrapped(app->get_description(), kHelpColumns) + "\n";
  }

  std::string make_subcommands(const CLI::App* app, CLI::AppFormatMode mode) const override {
    constexpr std::string_view kHeading = "\nSubcommands:\n";
    std::string text = CLI::Formatter::make_subcommands(app, mode);
    if (text.starts_with(kHeading)) text.replace(0, kHeading.size(), "\nCommands:\n");
    return text;
  }

  // CLI11 does not know that a program with its own words follows.
  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (!app->get_prefix_command()) return CLI::Formatter::make_usage(app, name);
    return "Usage: " + name + " -n N [--] COMMAND [ARGS...]\n";
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return row(command->get_display_name(true), command->get_description());
  }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string name = make_option_name(option, is_positional);
    std::string description = option->get_description();
    const bool is_flag = option->get_expected_max() == 0;
    if (!is_flag) {
      name += " " + option->get_type_name();
      if (option->get_expected_max() == CLI::detail::expected_max_vector_size &&
          option->get_allow_extra_args()) {
        name += " ...";
      }
      if (option->get_required()) {
        name += " REQUIRED";
      } else if (!is_positional) {
        const std::string text = option->get_default_str();
        description += " (default: " + (text.empty() ? "none" : text) + ")";
      }
    }
    return row(name, description);
  }

 private:
  std::string row(const std::string& name, const std::string& description) const {
    std::stringstream out;
    CLI::detail::format_help(out, name, wrapped(description, kHelpColumns - get_column_width()),
                             get_column_width());
    return out.str();
  }
};

// The last column: the head, and experts where there are any.
std::string head_of(const model::ModelConfig& shape) {
  std::string text = shape.tied() ? "tied" : "untied";
  const model::MoeConfig& moe = shape.moe;
  if (moe.num_experts > 0) {
    text += ", " + util::counted(moe.num_experts, "expert");
  }
  return text;
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_layout() {
  auto layout = std::make_shared<Layout>();
  layout->label("SUBCOMMAND", "COMMAND");
  return layout;
}

std::string preset_table() {
  // The rows of a corpus of bytes, where the preset's own are fewer.
  constexpr std::int64_t kByteRows = 320;
  std::vector<util::TableRow> rows = {{"preset", "parameters", "layers", "width", "heads",
                                       "k/v heads", "ffn", "vocabulary", "head"}};
  for (const model::Preset& preset : model::presets()) {
    model::ModelConfig config;
    config.preset = preset.name;
    const model::ModelConfig shape = model::resolve(config, kByteRows);
    util::TableRow row = {shape.preset, util::format_count(model::parameter_count(shape))};
    for (const std::int64_t number : {shape.num_layers, shape.hidden_size, shape.num_heads,
                                      shape.num_kv_heads, shape.ffn_size, shape.vocab_size}) {
      row.push_back(std::to_string(number));
    }
    row.push_back(head_of(shape));
    rows.push_back(std::move(row));
  }
  std::ostringstream table;
  util::print_table(table, rows, "lrrrrrrrl");
  return table.str() +
         "If the tokenizer has more ids than a preset's vocabulary, the vocabulary is enlarged\n"
         "to fit (bytes: 320). A model.vocab_size that you set is not enlarged.\n";
}

}  // namespace superpose::cli
