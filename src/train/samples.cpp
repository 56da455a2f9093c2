#include "train/samples.h"

#include <cstddef>
#include <span>
#include <utility>

#include "inference/generate.h"
#include "inference/text_stream.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"
#include "util/json.h"
#include "util/json_fields.h"

namespace superpose::train {
namespace {

// By itself: only in f32 on a CPU does a text not depend on those that are continued with it.
metrics::TextSample continue_one(const Prompts& prompts, std::size_t index,
                                 const model::Decoder& decoder) {
  metrics::TextSample sample;
  sample.prompt = prompts.texts[index];
  inference::TextStream stream({});
  const inference::GenerationConfig config{.sampling = {},
                                           .max_tokens = prompts.sample_tokens,
                                           .ends = {prompts.end},
                                           .batch = 1,
                                           .max_positions = prompts.longest};
  inference::generate(decoder, std::span(prompts.ids).subspan(index, 1), config,
                      {.token =
                           [&](std::size_t, std::int32_t id) {
                             sample.text += stream.add(prompts.words->bytes_of(id));
                             return true;
                           },
                       .done =
                           [&](std::size_t, const inference::Generated& text) {
                             sample.text += stream.finish();
                             sample.stop =
                                 inference::kStopReasonNames[static_cast<std::size_t>(text.reason)];
                             sample.tokens = std::ssize(text.ids);
                           }});
  return sample;
}

}  // namespace

Prompts read_prompts(const eval::EvaluationConfig& config, const tokenizer::ModelFolder& tokenizer,
                     std::int64_t vocabulary_size) {
  Prompts prompts;
  if (config.prompts.empty()) return prompts;
  auto words = tokenizer::Tokenizer::from_json(tokenizer.json, "tokenizer.json");
  util::require(words.vocabulary_size() <= vocabulary_size,
                "evaluation.prompts: the tokenizer must have no more ids than the model (",
                vocabulary_size, "), got ", words.vocabulary_size());
  prompts.texts = config.prompts;
  prompts.sample_tokens = config.sample_tokens;
  prompts.longest = tokenizer.longest_text;
  prompts.end = static_cast<std::int32_t>(tokenizer.end_of_document);
  prompts.words =
      std::make_shared<const inference::Words>(std::move(words), tokenizer.begin_of_text);
  for (std::size_t i = 0; i < prompts.texts.size(); ++i) {
    const std::string key = "evaluation.prompts[" + std::to_string(i) + "]";
    prompts.ids.push_back(prompts.words->ids_of(prompts.texts[i], key));
    util::require(std::ssize(prompts.ids.back()) < prompts.longest, key,
                  ": must have fewer tokens than train.sequence_length (", prompts.longest,
                  "), got ", prompts.ids.back().size());
  }
  return prompts;
}

std::vector<metrics::TextSample> continue_prompts(const Prompts& prompts,
                                                  const model::Decoder& decoder,
                                                  distributed::Collective& collective) {
  const auto ranks = static_cast<std::size_t>(collective.world_size());
  std::vector<metrics::TextSample> samples(prompts.texts.size());
  util::Json own = util::Json::array();
  for (auto i = static_cast<std::size_t>(collective.rank()); i < samples.size(); i += ranks) {
    own.push_back(util::fields_to_json(continue_one(prompts, i, decoder)));
  }
  for (std::size_t rank = 0; rank < ranks && rank < samples.size(); ++rank) {
    const std::string text = collective.broadcast_text(own.dump(), static_cast<int>(rank));
    const util::Json parts = util::parse_json(text, "samples");
    for (std::size_t i = 0; i < parts.size(); ++i) {
      samples[rank + i * ranks] = util::fields_from_json<metrics::TextSample>(parts[i], "samples");
    }
  }
  return samples;
}

}  // namespace superpose::train
