#include "train/tokenizer_changes.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "util/error.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::train {
namespace {

// Parts of a tokenizer.json that do not decide which ids a document gets.
constexpr std::array<std::string_view, 5> kNoIds = {"version", "truncation", "padding",
                                                    "post_processor", "decoder"};

// The parts of two tokenizer.json that decide ids and differ; of the model, its own parts.
std::vector<std::string> tokenizer_changes(const util::Json& before, const util::Json& now,
                                           const std::string& prefix = "") {
  std::vector<std::string> changes;
  util::Json all = before;
  all.update(now);
  for (const auto& [key, unused] : all.items()) {
    if (prefix.empty() && std::find(kNoIds.begin(), kNoIds.end(), key) != kNoIds.end()) continue;
    const util::Json old_part = before.value(key, util::Json());
    const util::Json new_part = now.value(key, util::Json());
    if (old_part == new_part) continue;
    if (key == "model" && old_part.is_object() && new_part.is_object()) {
      const auto inner = tokenizer_changes(old_part, new_part, "model.");
      changes.insert(changes.end(), inner.begin(), inner.end());
    } else {
      changes.push_back(prefix + key);
    }
  }
  return changes;
}

}  // namespace

void check_same_ids(const std::string& known, const std::string& now, const std::string& who,
                    const std::string& file) {
  const std::vector<std::string> changes = tokenizer_changes(
      util::parse_json(known, file), util::parse_json(now, "the corpus's tokenizer"));
  util::require(changes.empty(), who,
                ": data.tokenizer must give the ids that the weights know, but ",
                util::join(changes, ", "), " differ from ", file);
}

}  // namespace superpose::train
