#include "tasks/score_requests.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "tasks/python_text.h"
#include "tokenizer/config_tokens.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::tasks {

std::int64_t fit(ScoreRequest& request, std::int64_t max_positions) {
  const auto length = std::ssize(request.continuation);
  util::require(length <= max_positions, "the continuation must have at most ", max_positions,
                " tokens, as many as the model reads, got ", length);
  const std::int64_t room = max_positions + 1 - length;
  const std::int64_t cut = std::max<std::int64_t>(0, std::ssize(request.context) - room);
  request.context.erase(request.context.begin(), request.context.begin() + cut);
  return cut;
}

std::int32_t prefix_token(const tokenizer::Tokenizer& tokenizer, const std::string& config_json,
                          std::int32_t end_of_document) {
  const util::Json config = util::parse_json(config_json, "tokenizer_config.json");
  for (const char* const key : {"bos_token", "eos_token"}) {
    const std::string token = tokenizer::config_token(config, key);
    const auto id = token.empty() ? std::nullopt : tokenizer.find(token);
    if (id) return *id;
  }
  return end_of_document;
}

RequestEncoder::RequestEncoder(const tokenizer::Tokenizer& tokenizer, std::int32_t prefix)
    : encoder_(tokenizer),
      framing_(tokenizer.framing()),
      prefix_(prefix),
      prefix_text_(tokenizer.decode(std::span(&prefix, 1))) {}

std::vector<std::int32_t> RequestEncoder::encode_plain(std::string_view text) {
  std::vector<std::int32_t> ids;
  encoder_.encode(text, tokenizer::SpecialText::kRecognise, ids);
  return ids;
}

std::vector<std::int32_t> RequestEncoder::encode_text(std::string_view text) {
  if (!prefix_text_.empty() && text.starts_with(prefix_text_)) return encode_plain(text);
  std::vector<std::int32_t> ids = framing_.before;
  encoder_.encode(text, tokenizer::SpecialText::kRecognise, ids);
  ids.insert(ids.end(), framing_.after.begin(), framing_.after.end());
  return ids;
}

ScoreRequest RequestEncoder::encode_pair(std::string_view context, std::string_view continuation) {
  ScoreRequest request;
  if (context.empty()) {
    request.context = {prefix_};
    request.continuation = encode_plain(continuation);
    if (!request.continuation.empty() && request.continuation.front() == prefix_) {
      request.continuation.erase(request.continuation.begin());
    }
  } else {
    const std::string_view kept = strip_right(context);
    util::require(!kept.empty(), "the context must hold more than white space");
    request.context = encode_text(kept);
    std::vector<std::int32_t> whole = encode_text(std::string(context) + std::string(continuation));
    const std::size_t length = std::min(request.context.size(), whole.size());
    request.continuation.assign(whole.begin() + static_cast<std::ptrdiff_t>(length), whole.end());
  }
  util::require(!request.continuation.empty(), "the continuation must have a token of its own");
  return request;
}

std::vector<ScoreRequest> rolling_requests(std::span<const std::int32_t> ids, std::int32_t prefix,
                                           std::int64_t max_positions) {
  std::vector<ScoreRequest> requests;
  const auto window = static_cast<std::size_t>(max_positions);
  for (std::size_t begin = 0; begin < ids.size();) {
    const std::size_t end = std::min(begin + window, ids.size());
    ScoreRequest request;
    if (begin == 0) {
      request.context = {prefix};
    } else {
      // As much context as makes up a window, with the last id left out of what is read.
      const std::size_t first = end - window - 1;
      request.context.assign(ids.begin() + static_cast<std::ptrdiff_t>(first),
                             ids.begin() + static_cast<std::ptrdiff_t>(begin));
    }
    request.continuation.assign(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                ids.begin() + static_cast<std::ptrdiff_t>(end));
    requests.push_back(std::move(request));
    begin = end;
  }
  return requests;
}

}  // namespace superpose::tasks
