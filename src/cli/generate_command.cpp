#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/model_tokenizer.h"
#include "inference/generate.h"
#include "inference/load.h"
#include "inference/text_stream.h"
#include "inference/words.h"
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

Ids ids_of_list(const Json& list, const std::string& where) {
  util::require(list.is_array(), where, ": ids: expected a list of ids, got ", list.dump());
  Ids ids;
  for (const Json& id : list) {
    const bool is_id = id.is_number_integer() && id >= 0 && id <= 0x7FFFFFFF;
    util::require(is_id, where, ": ids: expected an id, got ", id.dump());
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

// {"prompt": "text"} or {"ids": [1, 2]}.
Ids prompt_of_line(const std::string& line, const std::string& where, const ModelWords& words) {
  const Json row = util::parse_json(line, where);
  const bool is_prompt =
      row.is_object() && row.size() == 1 && (row.contains("prompt") || row.contains("ids"));
  util::require(is_prompt, where, ": expected {\"prompt\": \"text\"} or {\"ids\": [...]}, got ",
                line.substr(0, 60));
  if (row.contains("ids")) return ids_of_list(row["ids"], where);
  const Json& text = row["prompt"];
  util::require(text.is_string(), where, ": prompt: expected text, got ", text.dump());
  return words.ids_of(text.get<std::string>(), where);
}

std::vector<Ids> prompts_of_lines(std::istream& in, const std::string& name,
                                  const ModelWords& words) {
  std::vector<Ids> prompts;
  for (std::string line; std::getline(in, line);) {
    if (prompts.empty()) line.erase(0, line.size() - util::without_byte_order_mark(line).size());
    const std::string where = name + ", line " + std::to_string(prompts.size() + 1);
    prompts.push_back(prompt_of_line(line, where, words));
  }
  util::require(in.eof(), name, ": cannot be read");
  util::require(!prompts.empty(), name, ": holds no prompt");
  return prompts;
}

std::vector<Ids> read_prompts(const GenerateOptions& options, const ModelWords& words) {
  if (options.prompts == "-") return prompts_of_lines(std::cin, "standard input", words);
  if (!options.prompts.empty()) {
    util::require(fs::is_regular_file(options.prompts), options.prompts, ": is not a file");
    std::ifstream file(options.prompts, std::ios::binary);
    return prompts_of_lines(file, options.prompts, words);
  }
  if (options.prompt) return {words.ids_of(*options.prompt, "the prompt")};
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  util::require(!std::cin.bad(), "standard input: cannot be read");
  return {words.ids_of(text, "standard input")};
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
  const std::vector<Ids> prompts = read_prompts(options, words);

  inference::GenerationConfig config{
      .sampling = options.sampling, .max_tokens = options.max_tokens, .batch = options.batch};
  if (!options.ignore_end) {
    for (const std::int64_t id : inference::end_tokens(folder, description)) {
      config.ends.push_back(static_cast<std::int32_t>(id));
    }
  }
  const inference::LoadedModel model = inference::load_model(folder);
  Output output(words, prompts, options.stops, as_lines);
  const inference::GenerationStats stats = inference::generate(
      model.decoder, prompts, config,
      {.token = [&](std::size_t prompt, std::int32_t id) { return output.add(prompt, id); },
       .done = [&](std::size_t prompt,
                   inference::Generated text) { output.finish(prompt, std::move(text)); }});
  if (options.stats) print(stats);
  return kDone;
}

}  // namespace superpose::cli
