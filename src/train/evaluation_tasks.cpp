#include "train/evaluation_tasks.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "corpus/data_config.h"
#include "corpus/sources/sources.h"
#include "eval/decoder_scorer.h"
#include "tasks/item_scores.h"
#include "tasks/score_requests.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"

namespace superpose::train {
namespace {

// Bits per byte of the right answers where all tokens of the vocabulary are equally likely.
double uniform_bits_per_byte(const EvaluationTask& task, std::int64_t vocabulary_size) {
  std::int64_t tokens = 0;
  std::int64_t bytes = 0;
  auto first = task.asked.requests.begin();
  for (const tasks::Item& item : task.task.items) {
    const auto answer = static_cast<std::ptrdiff_t>(item.answer);
    tokens += std::ssize((first + answer)->continuation);
    bytes += std::ssize(item.pairs[item.answer].continuation);
    first += std::ssize(item.pairs);
  }
  return static_cast<double>(tokens) * std::log2(static_cast<double>(vocabulary_size)) /
         static_cast<double>(bytes);
}

util::NumberPairs chance_of(const EvaluationTask& task, std::int64_t vocabulary_size) {
  util::NumberPairs chance;
  if (const std::optional<double> share = tasks::chance_of(task.task.items)) {
    chance.emplace_back("acc", *share);
    if (task.task.config.kind == tasks::TaskKind::kChoices) {
      chance.emplace_back("acc_norm", *share);
      chance.emplace_back("acc_bytes", *share);
    }
  }
  chance.emplace_back(metrics::kPrimaryScore, uniform_bits_per_byte(task, vocabulary_size));
  return chance;
}

// Calls work(i) for each choice; the key of the recipe opens its errors.
template <class Work>
void for_each_choice(const std::vector<eval::TaskChoice>& choices, const Work& work) {
  for (std::size_t i = 0; i < choices.size(); ++i) {
    try {
      work(i);
    } catch (const util::Error& error) {
      util::fail("evaluation.tasks[", i, "]: ", error.what());
    }
  }
}

}  // namespace

std::vector<eval::TaskChoice> locate_tasks(std::vector<eval::TaskChoice> choices,
                                           const std::string& recipe_folder) {
  const auto located = [&](const std::string& path) {
    corpus::DataConfig reading;
    reading.recipe_folder = recipe_folder;
    reading.sources = {path};
    return corpus::locate(std::move(reading)).sources.front();
  };
  for_each_choice(choices, [&](std::size_t i) {
    eval::TaskChoice& choice = choices[i];
    const std::string file = tasks::path_of_task(choice.name);
    if (!file.empty()) choice.name = located(file) + choice.name.substr(file.size());
    if (!choice.data.empty()) choice.data = located(choice.data);
  });
  return choices;
}

std::vector<tasks::LoadedTask> load_tasks(const std::vector<eval::TaskChoice>& choices) {
  std::vector<tasks::LoadedTask> loaded;
  for_each_choice(choices, [&](std::size_t i) {
    tasks::LoadedTask task = tasks::load_task(choices[i].name, choices[i].data, choices[i].samples);
    for (const tasks::LoadedTask& other : loaded) {
      util::require(other.config.name != task.config.name, "must be unlike the other tasks, got ",
                    task.config.name, " twice");
    }
    loaded.push_back(std::move(task));
  });
  return loaded;
}

std::vector<EvaluationTask> encode_tasks(const std::vector<eval::TaskChoice>& choices,
                                         std::vector<tasks::LoadedTask> loaded,
                                         const tokenizer::ModelFolder& tokenizer,
                                         std::int64_t vocabulary_size,
                                         distributed::Collective& collective) {
  std::vector<EvaluationTask> result;
  if (choices.empty()) return result;
  const auto words = tokenizer::Tokenizer::from_json(tokenizer.json, "tokenizer.json");
  util::require(words.vocabulary_size() <= vocabulary_size,
                "evaluation.tasks: the tokenizer must have no more ids than the model (",
                vocabulary_size, "), got ", words.vocabulary_size());
  tasks::RequestEncoder encoder(
      words, tasks::prefix_token(words, tokenizer.config_json,
                                 static_cast<std::int32_t>(tokenizer.end_of_document)));
  for_each_choice(choices, [&](std::size_t i) {
    EvaluationTask& task = result.emplace_back();
    task.task = std::move(loaded[i]);
    const std::vector<tasks::Item>& items = task.task.items;
    task.every = choices[i].every;
    task.longest = tokenizer.longest_text;
    task.asked = tasks::encode_items(task.task.config, items, encoder, task.longest);
    task.fingerprint = tasks::fingerprint_of(items);
    task.chance = chance_of(task, vocabulary_size);
    task.positions = eval::count_positions(task.asked.requests);
    util::require(collective.broadcast_text(task.fingerprint, 0) == task.fingerprint, task.name(),
                  ": rank ", collective.rank(), " must find the data that rank 0 found, got other");
  });
  return result;
}

metrics::TaskRecord score_task(const EvaluationTask& task, const model::Decoder& decoder,
                               distributed::Collective& collective) {
  const eval::DecoderScorer scorer(decoder, &collective);
  const std::vector<tasks::ItemScore> items =
      tasks::score_items(task.task.config, task.task.items, task.asked, scorer);
  const tasks::TaskScore score = tasks::summarize(task.task.config, items).front();
  metrics::TaskRecord record;
  record.name = task.name();
  record.items = score.items;
  record.fingerprint = task.fingerprint;
  for (const auto& [name, estimate] : score.metrics) {
    record.scores.emplace_back(name, estimate.value);
    if (estimate.error) record.errors.emplace_back(name, *estimate.error);
  }
  record.chance = task.chance;
  return record;
}

}  // namespace superpose::train
