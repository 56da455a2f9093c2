#include "inference/words.h"

#include "util/error.h"

namespace superpose::inference {

std::vector<std::int32_t> Words::ids_of(const std::string& text, const std::string& where) const {
  std::vector<std::int32_t> ids = tokenizer_.framing().before;
  tokenizer_.encode(text, tokenizer::SpecialText::kRecognise, ids);
  if (ids.empty() && begin_) ids.push_back(static_cast<std::int32_t>(*begin_));
  util::require(!ids.empty(), where, ": must not be empty: the model has no bos_token_id");
  return ids;
}

std::string Words::bytes_of(std::int32_t id) const {
  const auto index = static_cast<std::size_t>(id);
  const auto bytes = tokenizer_.bytes_per_id();
  if (index >= bytes.size() || bytes[index] == 0) return {};
  return tokenizer_.decode({&id, 1});
}

}  // namespace superpose::inference
