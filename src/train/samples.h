// The prompts of evaluation.prompts, and their continuations by the model in training.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "distributed/collective.h"
#include "eval/evaluation_config.h"
#include "inference/words.h"
#include "metrics/validation_records.h"
#include "model/decoder.h"
#include "tokenizer/model_folder.h"

namespace superpose::train {

struct Prompts {
  std::vector<std::string> texts;
  std::vector<std::vector<std::int32_t>> ids;
  std::int64_t sample_tokens = 0;  // at most
  std::int64_t longest = 0;        // tokens of a prompt and its text together
  std::int32_t end = 0;            // ends a text
  std::shared_ptr<const inference::Words> words;
};

// As `superpose generate` reads prompts for the run's checkpoints. Throws util::Error that begins
// with the key of the recipe: an empty prompt where the tokenizer has no bos_token, one that
// leaves no room in a row of training, a tokenizer with ids that the model lacks.
Prompts read_prompts(const eval::EvaluationConfig& config, const tokenizer::ModelFolder& tokenizer,
                     std::int64_t vocabulary_size);

// The most likely tokens after each prompt: the texts of `superpose generate` for a checkpoint.
// Ranks share the prompts; every rank gets all of them, the same for any number of ranks.
std::vector<metrics::TextSample> continue_prompts(const Prompts& prompts,
                                                  const model::Decoder& decoder,
                                                  distributed::Collective& collective);

}  // namespace superpose::train
