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

// The items of a part, and what each of them asks.
struct Asked {
  std::vector<const tasks::Item*> items;
  std::vector<const tasks::ScoreRequest*> answers;  // the right ones
};

Asked everything_asked(const EvaluationTask& task) {
  Asked asked;
  auto first = task.asked.requests.begin();
  for (const tasks::Item& item : task.task.items) {
    asked.items.push_back(&item);
    asked.answers.push_back(&*(first + static_cast<std::ptrdiff_t>(item.answer)));
    first += std::ssize(item.pairs);
  }
  return asked;
}

Asked part_of(const Asked& all, const std::vector<std::size_t>& members) {
  Asked part;
  for (const std::size_t i : members) {
    part.items.push_back(all.items[i]);
    part.answers.push_back(all.answers[i]);
  }
  return part;
}

// Bits per byte of the right answers where all tokens of the vocabulary are equally likely.
double uniform_bits_per_byte(const Asked& asked, std::int64_t vocabulary_size) {
  std::int64_t tokens = 0;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < asked.items.size(); ++i) {
    tokens += std::ssize(asked.answers[i]->continuation);
    bytes += std::ssize(asked.items[i]->pairs[asked.items[i]->answer].continuation);
  }
  return static_cast<double>(tokens) * std::log2(static_cast<double>(vocabulary_size)) /
         static_cast<double>(bytes);
}

util::NumberPairs chance_of(const tasks::TaskConfig& task, const Asked& asked,
                            std::int64_t vocabulary_size) {
  util::NumberPairs chance;
  if (const std::optional<double> share = tasks::chance_of(asked.items)) {
    chance.emplace_back("acc", *share);
    if (task.kind == tasks::TaskKind::kChoices) {
      chance.emplace_back("acc_norm", *share);
      chance.emplace_back("acc_bytes", *share);
    }
  }
  chance.emplace_back(metrics::kPrimaryScore, uniform_bits_per_byte(asked, vocabulary_size));
  return chance;
}

std::vector<ScoredPart> parts_of(const EvaluationTask& task, std::int64_t vocabulary_size) {
  const tasks::TaskConfig& config = task.task.config;
  const Asked all = everything_asked(task);
  const auto part = [&](const std::string& name, const Asked& asked) {
    return ScoredPart{name, tasks::fingerprint_of(asked.items),
                      chance_of(config, asked, vocabulary_size)};
  };
  std::vector<ScoredPart> parts{part(task.name(), all)};
  for (const tasks::ItemGroup& group : tasks::groups_of(config, task.task.items)) {
    parts.push_back(part(group.name, part_of(all, group.items)));
  }
  return parts;
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
                                         std::int64_t vocabulary_size, bool shares_prefixes,
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
    task.parts = parts_of(task, vocabulary_size);
    task.positions = eval::count_positions(task.asked.requests, task.longest, shares_prefixes);
    const std::string& found = task.parts.front().fingerprint;
    util::require(collective.broadcast_text(found, 0) == found, task.name(), ": rank ",
                  collective.rank(), " must find the data that rank 0 found, got other");
  });
  return result;
}

std::vector<metrics::TaskRecord> score_task(const EvaluationTask& task,
                                            const model::Decoder& decoder,
                                            distributed::Collective& collective) {
  const eval::DecoderScorer scorer(decoder, &collective);
  const std::vector<tasks::ItemScore> items =
      tasks::score_items(task.task.config, task.task.items, task.asked, scorer);
  const std::vector<tasks::TaskScore> scores = tasks::summarize(task.task.config, items);
  std::vector<metrics::TaskRecord> records;
  for (const ScoredPart& part : task.parts) {
    const auto score = std::find_if(scores.begin(), scores.end(), [&](const tasks::TaskScore& one) {
      return one.name == part.name;
    });
    metrics::TaskRecord& record = records.emplace_back();
    record.name = part.name;
    record.items = score->items;
    record.fingerprint = part.fingerprint;
    for (const auto& [name, estimate] : score->metrics) {
      record.scores.emplace_back(name, estimate.value);
      if (estimate.error) record.errors.emplace_back(name, *estimate.error);
    }
    record.chance = part.chance;
  }
  return records;
}

}  // namespace superpose::train
