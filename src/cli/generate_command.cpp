#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/model_tokenizer.h"
#include "corpus/streams/byte_stream.h"
#include "inference/generate.h"
#include "inference/load.h"
#include "inference/text_stream.h"
#include "inference/words.h"
#include "tasks/rows.h"
#include "train/environment.h"
#include "util/error.h"
#include "util/json.h"
#include "util/resources.h"
#include "util/text.h"
#include "util/utf8.h"

namespace superpose::cli {
namespace {

namespace fs = std::filesystem;
using util::Json;
using Ids = std::vector<std::int32_t>;

// A model's tokenizer, where it has one.
class ModelWords {
 public:
  ModelWords(const fs::path& folder, const checkpoint::HuggingFaceModel& model) : folder_(folder) {
    const fs::path file = folder / "tokenizer.json";
    if (!fs::exists(file)) return;
    words_.emplace(open_model_tokenizer(file.string(), model), model.bos_token_id);
  }

  bool can_decode() const { return words_.has_value(); }

  Ids ids_of(const std::string& text, const std::string& where) const {
    util::require(words_.has_value(), folder_.string(), ": has no tokenizer.json: ", where,
                  " must be ids, {\"ids\": [...]}");
    return words_->ids_of(text, where);
  }

  std::string bytes_of(std::int32_t id) const { return words_ ? words_->bytes_of(id) : ""; }

 private:
  fs::path folder_;
  std::optional<inference::Words> words_;
};

// What is continued, and what errors call each of them.
struct Prompts {
  std::vector<Ids> ids;
  std::vector<std::string> names;

  void add(Ids more, std::string name) {
    ids.push_back(std::move(more));
    names.push_back(std::move(name));
  }
};

Ids ids_of_list(const Json& list, const std::string& where) {
  util::require(list.is_array(), where, ": ids: expected a list of ids, got ", util::shown(list));
  Ids ids;
  for (const Json& id : list) {
    const bool is_id = id.is_number_integer() && id >= 0 && id <= 0x7FFFFFFF;
    util::require(is_id, where, ": ids: expected an id, got ", util::shown(id));
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

// {"prompt": "text"} or {"ids": [1, 2]}.
Ids prompt_of_row(const tasks::Row& row, const ModelWords& words) {
  const Json& fields = row.fields;
  const bool is_prompt =
      fields.size() == 1 && (fields.contains("prompt") || fields.contains("ids"));
  util::require(is_prompt, row.where, ": expected {\"prompt\": \"text\"} or {\"ids\": [...]}, got ",
                util::shown(fields));
  if (fields.contains("ids")) return ids_of_list(fields["ids"], row.where);
  const Json& text = fields["prompt"];
  util::require(text.is_string(), row.where, ": prompt: expected text, got ", util::shown(text));
  return words.ids_of(text.get<std::string>(), row.where);
}

class StandardInput final : public corpus::ByteStream {
 public:
  std::size_t read(std::span<char> out) override {
    std::cin.read(out.data(), std::ssize(out));
    util::require(!std::cin.bad(), "standard input: cannot be read");
    bytes_read_ += std::cin.gcount();
    return static_cast<std::size_t>(std::cin.gcount());
  }
  std::int64_t bytes_read() const override { return bytes_read_; }

 private:
  std::int64_t bytes_read_ = 0;
};

Prompts prompts_of_rows(const std::string& file, const ModelWords& words) {
  const bool is_input = file == "-";
  const std::string name = is_input ? "standard input" : file;
  util::require(is_input || fs::is_regular_file(file), name, ": is not a file");
  Prompts prompts;
  tasks::read_json_rows(
      is_input ? std::make_unique<StandardInput>() : corpus::open_decompressed(file).bytes, name,
      [&](const tasks::Row& row) { prompts.add(prompt_of_row(row, words), row.where); });
  util::require(!prompts.ids.empty(), name, ": holds no prompt");
  return prompts;
}

Prompts read_prompts(const GenerateOptions& options, const ModelWords& words) {
  if (!options.prompts.empty()) return prompts_of_rows(options.prompts, words);
  const std::string name = options.prompt ? "the prompt" : "standard input";
  const std::string text =
      options.prompt ? *options.prompt : std::string(std::istreambuf_iterator<char>(std::cin), {});
  util::require(options.prompt || !std::cin.bad(), "standard input: cannot be read");
  Prompts prompts;
  prompts.add(words.ids_of(text, name), name);
  return prompts;
}

// Texts as they come: one to be read at once, or a line of JSON each, in the order of the prompts.
class Output {
 public:
  Output(const ModelWords& words, const std::vector<Ids>& prompts,
         const std::vector<std::string>& stops, bool as_lines)
      : words_(words),
        prompts_(prompts),
        as_lines_(as_lines),
        texts_(prompts.size()),
        streams_(prompts.size(), inference::TextStream(stops)) {}

  // False where a stop string ended the text.
  bool add(std::size_t prompt, std::int32_t id) {
    show(prompt, streams_[prompt].add(words_.bytes_of(id)));
    return !streams_[prompt].has_stopped();
  }

  void finish(std::size_t prompt, inference::Generated generated) {
    show(prompt, streams_[prompt].finish());
    if (!as_lines_) {
      std::cout << std::endl;
      return;
    }
    finished_.emplace(prompt, std::move(generated));
    for (auto first = finished_.begin(); first != finished_.end() && first->first == next_;
         first = finished_.erase(first), ++next_) {
      write_line(first->first, first->second);
    }
  }

 private:
  void show(std::size_t prompt, const std::string& text) {
    if (as_lines_) {
      texts_[prompt] += text;
    } else {
      std::cout << text << std::flush;
    }
  }

  void write_line(std::size_t prompt, const inference::Generated& generated) {
    Json line;
    if (words_.can_decode()) line["text"] = std::move(texts_[prompt]);
    line["stop"] = inference::kStopReasonNames[static_cast<std::size_t>(generated.reason)];
    line["prompt_tokens"] = prompts_[prompt].size();
    line["tokens"] = generated.ids.size();
    line["ids"] = generated.ids;
    std::cout << line.dump() << '\n' << std::flush;
  }

  const ModelWords& words_;
  const std::vector<Ids>& prompts_;
  bool as_lines_;
  std::vector<std::string> texts_;
  std::vector<inference::TextStream> streams_;
  std::map<std::size_t, inference::Generated> finished_;  // that wait for earlier ones
  std::size_t next_ = 0;
};

void print(const inference::GenerationStats& stats) {
  const auto line = [](const char* what, std::int64_t tokens, double seconds) {
    std::cerr << what << ": " << util::with_commas(tokens) << " tokens in "
              << util::fixed(seconds, 3) << " s";
    if (tokens > 0) {
      std::cerr << ", " << util::fixed(static_cast<double>(tokens) / seconds, 1) << " tokens/s";
    }
    std::cerr << '\n';
  };
  line("prompt", stats.prompt_tokens, stats.prompt_seconds);
  line("generation", stats.tokens, stats.seconds);
}

}  // namespace

int generate_command(const GenerateOptions& options) {
  options.sampling.validate("--");
  for (const std::string& stop : options.stops) {
    util::require(!stop.empty() && util::first_invalid_utf8(stop) == stop.size(),
                  "--stop: must be UTF-8 and not empty");
  }
  const train::ThreadScope threads(options.threads > 0 ? options.threads : util::available_cores());
  const fs::path folder = inference::find_model(options.model);
  const checkpoint::HuggingFaceModel description = inference::read_description(folder);
  const ModelWords words(folder, description);
  const bool as_lines = !options.prompts.empty();
  const Prompts prompts = read_prompts(options, words);

  inference::GenerationConfig config{
      .sampling = options.sampling, .max_tokens = options.max_tokens, .batch = options.batch};
  if (!options.ignore_end) {
    for (const std::int64_t id : inference::end_tokens(folder, description)) {
      config.ends.push_back(static_cast<std::int32_t>(id));
    }
  }
  const inference::LoadedModel model = inference::load_model(folder);
  Output output(words, prompts.ids, options.stops, as_lines);
  const inference::GenerationStats stats = inference::generate(
      model.decoder, prompts.ids, config,
      {.token = [&](std::size_t prompt, std::int32_t id) { return output.add(prompt, id); },
       .done = [&](std::size_t prompt,
                   inference::Generated text) { output.finish(prompt, std::move(text)); },
       .name = [&](std::size_t prompt) { return prompts.names[prompt]; }});
  if (options.stats) print(stats);
  return kDone;
}

}  // namespace superpose::cli
