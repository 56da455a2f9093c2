#include "cli/model_tokenizer.h"

#include "tokenizer/load.h"
#include "util/error.h"

namespace superpose::cli {

tokenizer::Tokenizer open_model_tokenizer(const std::string& spec,
                                          const checkpoint::HuggingFaceModel& model) {
  tokenizer::Tokenizer tokenizer = tokenizer::open_tokenizer(spec);
  util::require(tokenizer.vocabulary_size() <= model.vocab_size, spec, ": has ",
                tokenizer.vocabulary_size(), " ids, more than the ", model.vocab_size,
                " of the model");
  return tokenizer;
}

}  // namespace superpose::cli
