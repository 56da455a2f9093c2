#include "tasks/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "tasks/python_text.h"
#include "tasks/rows.h"
#include "util/error.h"
#include "util/utf8.h"

namespace superpose::tasks {
namespace {

// Calls encode(i) for each request, with `where(i)` in front of its errors.
template <class Encode, class Where>
TaskRequests encode_all(std::size_t count, const Encode& encode, const Where& where,
                        std::int64_t max_positions) {
  TaskRequests result;
  result.requests.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    try {
      result.requests.push_back(encode(i));
      if (fit(result.requests.back(), max_positions) > 0) ++result.cut_requests;
    } catch (const util::Error& error) {
      util::fail(where(i), ": ", error.what());
    }
  }
  return result;
}

template <class Where>
std::vector<Score> score_all(std::span<const ScoreRequest> requests, const Where& where,
                             const Scorer& scorer, const ScoreProgress& progress) {
  std::vector<Score> scores = scorer.score(requests, progress);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    util::require(std::isfinite(scores[i].log_likelihood), where(i),
                  ": the log-likelihood must be finite, got ", scores[i].log_likelihood,
                  "; are the model's weights?");
  }
  return scores;
}

// The pairs of all items, one after the other.
struct Place {
  const Item* item;
  std::size_t pair;
};

std::vector<Place> places_of(std::span<const Item> items) {
  std::vector<Place> places;
  for (const Item& item : items) {
    for (std::size_t i = 0; i < item.pairs.size(); ++i) places.push_back({&item, i});
  }
  return places;
}

std::string name_of(const TaskConfig& task, const Place& place) {
  return task.name + ": row " + std::to_string(place.item->index) + ", choice " +
         std::to_string(place.pair);
}

}  // namespace

TaskRequests encode_items(const TaskConfig& task, std::span<const Item> items,
                          RequestEncoder& encoder, std::int64_t max_positions) {
  const std::vector<Place> places = places_of(items);
  return encode_all(
      places.size(),
      [&](std::size_t i) {
        const TextPair& pair = places[i].item->pairs[places[i].pair];
        return encoder.encode_pair(pair.context, pair.continuation);
      },
      [&](std::size_t i) { return name_of(task, places[i]); }, max_positions);
}

std::vector<ItemScore> score_items(const TaskConfig& task, std::span<const Item> items,
                                   const TaskRequests& asked, const Scorer& scorer,
                                   const ScoreProgress& progress) {
  const std::vector<Place> places = places_of(items);
  const std::vector<Score> scored = score_all(
      asked.requests, [&](std::size_t i) { return name_of(task, places[i]); }, scorer, progress);
  std::vector<ItemScore> result;
  const std::span<const Score> scores(scored);
  std::size_t begin = 0;
  for (const Item& item : items) {
    result.push_back(score_item(task, item, scores.subspan(begin, item.pairs.size())));
    begin += item.pairs.size();
  }
  return result;
}

TaskResult evaluate(const TaskConfig& task, std::span<const Item> items, RequestEncoder& encoder,
                    const Scorer& scorer, const ScoreProgress& progress) {
  const TaskRequests asked = encode_items(task, items, encoder, scorer.max_positions());
  return {score_items(task, items, asked, scorer, progress), asked.cut_requests};
}

std::vector<TextRequest> read_requests(std::unique_ptr<corpus::ByteStream> bytes,
                                       const std::string& name) {
  std::vector<TextRequest> requests;
  read_json_rows(std::move(bytes), name, [&](const Row& row) {
    for (const char* const key : {"context", "continuation"}) {
      const util::Json* const field = find_field(row, key);
      util::require(field != nullptr && field->is_string(), row.where, ": \"", key,
                    "\" must be a text, got ", field == nullptr ? "nothing" : field->type_name());
    }
    requests.push_back({{field_text(row, "context"), field_text(row, "continuation")}, row.where});
  });
  util::require(!requests.empty(), name, ": holds no request");
  return requests;
}

RequestResult score_requests(std::span<const TextRequest> requests, RequestEncoder& encoder,
                             const Scorer& scorer, const ScoreProgress& progress) {
  const auto where = [&](std::size_t i) { return requests[i].where; };
  const TaskRequests asked = encode_all(
      requests.size(),
      [&](std::size_t i) {
        return encoder.encode_pair(requests[i].pair.context, requests[i].pair.continuation);
      },
      where, scorer.max_positions());
  return {score_all(asked.requests, where, scorer, progress), asked.cut_requests};
}

TextDocument encode_document(const std::string& text, RequestEncoder& encoder) {
  TextDocument document{.ids = encoder.encode_text(text), .bytes = std::ssize(text)};
  const bool is_utf8 = util::first_invalid_utf8(text) == text.size();
  document.words = count_words(is_utf8 ? text : util::replace_invalid_utf8(text));
  return document;
}

std::vector<TextScore> score_texts(std::span<const TextDocument> documents, std::int32_t prefix,
                                   const Scorer& scorer, const ScoreProgress& progress) {
  std::vector<TextScore> scores;
  std::vector<ScoreRequest> requests;
  std::vector<std::size_t> owners;
  for (const TextDocument& document : documents) {
    for (ScoreRequest& request : rolling_requests(document.ids, prefix, scorer.max_positions())) {
      requests.push_back(std::move(request));
      owners.push_back(scores.size());
    }
    scores.push_back({.log_likelihood = 0,
                      .tokens = std::ssize(document.ids),
                      .bytes = document.bytes,
                      .words = document.words});
  }
  const std::vector<Score> windows = scorer.score(requests, progress);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    util::require(std::isfinite(windows[i].log_likelihood), "document ", owners[i],
                  ": the log-likelihood must be finite, got ", windows[i].log_likelihood,
                  "; are the model's weights?");
    scores[owners[i]].log_likelihood += windows[i].log_likelihood;
  }
  return scores;
}

TaskScore summarize_texts(const std::string& name, std::span<const TextScore> scores) {
  std::vector<double> nats, tokens, bytes, words;
  for (const TextScore& score : scores) {
    nats.push_back(-score.log_likelihood);
    tokens.push_back(static_cast<double>(score.tokens));
    bytes.push_back(static_cast<double>(score.bytes));
    words.push_back(static_cast<double>(score.words));
  }
  // exp of a number, with the error to first order.
  const auto exponential = [](Estimate estimate) {
    estimate.value = std::exp(estimate.value);
    if (estimate.error) *estimate.error *= estimate.value;
    return estimate;
  };
  const Estimate loss = ratio_of(nats, tokens);
  const Estimate per_byte = ratio_of(nats, bytes);
  Estimate bits = per_byte;
  bits.value /= std::numbers::ln2;
  if (bits.error) *bits.error /= std::numbers::ln2;
  TaskScore result{.name = name, .items = std::ssize(scores), .metrics = {}};
  result.metrics = {{"loss", loss},
                    {"perplexity", exponential(loss)},
                    {"bits_per_byte", bits},
                    {"byte_perplexity", exponential(per_byte)}};
  if (std::all_of(words.begin(), words.end(), [](double count) { return count > 0; })) {
    result.metrics.emplace_back("word_perplexity", exponential(ratio_of(nats, words)));
  }
  return result;
}

}  // namespace superpose::tasks
