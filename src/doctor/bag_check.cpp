// One bag and the tokens that it is to predict, as text; and that these are the next bag's.
#include <span>

#include "corpus/corpus.h"
#include "doctor/checks.h"
#include "doctor/subject.h"
#include "tokenizer/tokenizer.h"
#include "util/error.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

using Ids = std::vector<std::int32_t>;

// Without padding and ignored targets.
Ids valid_ids(const std::vector<std::int64_t>& values, std::int64_t first, std::int64_t count) {
  Ids ids;
  for (std::int64_t i = first; i < first + count; ++i) {
    const std::int64_t id = values[static_cast<std::size_t>(i)];
    if (id >= 0) ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

std::string shown(const Ids& ids, const std::string& tokenizer_json) {
  if (!tokenizer_json.empty()) {
    const std::string text =
        tokenizer::Tokenizer::from_json(tokenizer_json, "tokenizer.json").decode(ids);
    return util::Json(util::shortened(text))
        .dump(-1, ' ', false, util::Json::error_handler_t::replace);
  }
  std::vector<std::string> words;
  for (const std::int32_t id : ids) words.push_back(std::to_string(id));
  return "ids " + util::shortened(util::join(words, " "));
}

// Slot i of a bag's targets is token i of the next bag, as far as both have it.
void require_aligned(const data::Batch& batch) {
  const auto [bag_size, target_size] = batch.shape.bags;
  const std::int64_t length = batch.shape.sequence_length;
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    for (std::int64_t bag = 0; bag + 1 < length; ++bag) {
      for (std::int64_t slot = 0; slot < std::min(bag_size, target_size); ++slot) {
        const std::int64_t position = row * length + bag;
        const std::int64_t target =
            batch.targets[static_cast<std::size_t>(position * target_size + slot)];
        const std::int64_t next =
            batch.inputs[static_cast<std::size_t>((position + 1) * bag_size + slot)];
        util::require(target < 0 || next < 0 || target == next, "row ", row, ", bag ", bag,
                      ": target ", slot, " must be the next bag's token ", next, ", got ", target);
      }
    }
  }
}

}  // namespace

Outcome check_bags(Subject& subject) {
  const superposition::Phase& phase = longest_bags(subject);
  const data::Batch batch = first_batch(subject, phase);
  require_aligned(batch);
  const auto [bag_size, target_size] = phase.bags;
  const std::int64_t middle = batch.shape.sequence_length / 2;
  const std::string& json = subject.setup->corpus.tokenizer.tokenizer_json;
  const Ids bag = valid_ids(batch.inputs, middle * bag_size, bag_size);
  const Ids targets = valid_ids(batch.targets, middle * target_size, target_size);
  return {.found = describe(phase) + ": " + shown(bag, json) + " is to predict " +
                   (targets.empty() ? "nothing (the end of a document)" : shown(targets, json))};
}

}  // namespace superpose::doctor
