// The files of a trained tokenizer.
#pragma once

#include <string>

#include "tokenizer/bpe_trainer.h"

namespace superpose::tokenizer {

// tokenizer.json of Hugging Face `tokenizers` for a trained vocabulary: special tokens as added
// tokens, the split pattern, byte level. No normaliser and no post-processor: what is encoded is
// the text itself, and any text comes back as it was.
std::string trained_tokenizer_json(const TrainedBpe& trained);

// The special token that ends a document: "<|endoftext|>" where that is one of them, else the
// first. Empty where there is none.
std::string end_of_document_text(const TrainedBpe& trained);

// tokenizer_config.json to go with it: PreTrainedTokenizerFast, eos_token = end_of_document_text,
// no clean-up of spaces.
std::string trained_tokenizer_config_json(const TrainedBpe& trained);

}  // namespace superpose::tokenizer
