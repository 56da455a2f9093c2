// The tokenizer that goes with a model.
#pragma once

#include <string>

#include "checkpoint/hugging_face.h"
#include "tokenizer/tokenizer.h"

namespace superpose::cli {

// As tokenizer::open_tokenizer. Throws util::Error that names `spec` where it has ids that the
// model lacks.
tokenizer::Tokenizer open_model_tokenizer(const std::string& spec,
                                          const checkpoint::HuggingFaceModel& model);

}  // namespace superpose::cli
