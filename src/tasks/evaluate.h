// Asks a model the questions of a task, or bare requests, or whole texts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "corpus/streams/byte_stream.h"
#include "tasks/item_scores.h"
#include "tasks/score_requests.h"
#include "tasks/task_config.h"
#include "tasks/task_items.h"

namespace superpose::tasks {

// What a task's items ask, encoded: a request for each of their pairs, in order.
struct TaskRequests {
  std::vector<ScoreRequest> requests;
  std::int64_t cut_requests = 0;  // whose context was cut from the left to fit the model
};

// Throws util::Error that names task and item for text that cannot be scored.
TaskRequests encode_items(const TaskConfig& task, std::span<const Item> items,
                          RequestEncoder& encoder, std::int64_t max_positions);

// Throws util::Error that names task and item for a score that is not finite.
std::vector<ItemScore> score_items(const TaskConfig& task, std::span<const Item> items,
                                   const TaskRequests& asked, const Scorer& scorer,
                                   const ScoreProgress& progress = {});

struct TaskResult {
  std::vector<ItemScore> items;
  std::int64_t cut_requests = 0;
};

// The two above, one after the other.
TaskResult evaluate(const TaskConfig& task, std::span<const Item> items, RequestEncoder& encoder,
                    const Scorer& scorer, const ScoreProgress& progress = {});

// The rows {"context": ..., "continuation": ...} of JSON lines, whatever else they hold; at least
// one. `name` opens errors.
struct TextRequest {
  TextPair pair;
  std::string where;
};
std::vector<TextRequest> read_requests(std::unique_ptr<corpus::ByteStream> bytes,
                                       const std::string& name);

// A score per request. Throws util::Error "<where>: ...".
struct RequestResult {
  std::vector<Score> scores;
  std::int64_t cut_requests = 0;
};
RequestResult score_requests(std::span<const TextRequest> requests, RequestEncoder& encoder,
                             const Scorer& scorer, const ScoreProgress& progress = {});

// A whole text, scored as a rolling log-likelihood: each id once (rolling_requests).
struct TextDocument {
  std::vector<std::int32_t> ids;
  std::int64_t bytes = 0;
  std::int64_t words = 0;  // count_words; 0 = not known
};
TextDocument encode_document(const std::string& text, RequestEncoder& encoder);

struct TextScore {
  double log_likelihood = 0;  // nats
  std::int64_t tokens = 0;
  std::int64_t bytes = 0;
  std::int64_t words = 0;
};
std::vector<TextScore> score_texts(std::span<const TextDocument> documents, std::int32_t prefix,
                                   const Scorer& scorer, const ScoreProgress& progress = {});

// All documents together; errors are over documents.
//
//   loss              nats per token
//   perplexity        exp(loss), per token
//   bits_per_byte
//   byte_perplexity   2 ^ bits_per_byte
//   word_perplexity   exp(nats / words); where the words are known
TaskScore summarize_texts(const std::string& name, std::span<const TextScore> scores);

}  // namespace superpose::tasks
