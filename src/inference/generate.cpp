// Slots of one key-value cache hold the texts that are being continued. Where one is free the next
// prompt is read into it, in chunks, by itself; then all texts take one step together. A text that
// ends leaves its slot to the next prompt.
#include "inference/generate.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "model/key_value_cache.h"
#include "util/clock.h"
#include "util/error.h"

namespace superpose::inference {
namespace {

// Positions of a prompt that are computed at once: activations of long prompts stay small.
constexpr std::int64_t kChunk = 512;

// Tokens of a prompt that are worth more than passing over the weights: shorter prompts are read as
// single tokens are. By the prompt alone, so that its text depends on nothing else.
constexpr std::int64_t kLongPrompt = 32;

using Ids = std::vector<std::int32_t>;

std::int64_t size_of(const Ids& ids) { return static_cast<std::int64_t>(ids.size()); }

std::int64_t longest_text(const model::Decoder& decoder, const GenerationConfig& config) {
  return config.max_positions > 0 ? config.max_positions : decoder.config().max_positions;
}

std::string name_of(std::size_t prompt, const GenerationCalls& calls) {
  return calls.name ? calls.name(prompt) : "prompt " + std::to_string(prompt + 1);
}

void check_prompts(std::span<const Ids> prompts, const model::Decoder& decoder,
                   std::int64_t longest, const GenerationCalls& calls) {
  const model::ModelConfig& model = decoder.config();
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Ids& ids = prompts[i];
    util::require(!ids.empty(), name_of(i, calls), ": must have at least one token");
    util::require(size_of(ids) <= longest, name_of(i, calls), ": must have at most ", longest,
                  " tokens, the model's context, got ", ids.size());
    for (const std::int32_t id : ids) {
      util::require(id >= 0 && id < model.vocab_size, name_of(i, calls), ": ids must be in [0, ",
                    model.vocab_size, "), got ", id);
    }
  }
}

// A text that is being continued.
struct Text {
  std::size_t prompt = 0;
  std::int64_t slot = 0;
  std::int64_t most = 0;  // tokens that it may get
  Sampler sampler;
  Generated result = {};
};

class Generation {
 public:
  Generation(const model::Decoder& decoder, std::span<const Ids> prompts,
             const GenerationConfig& config, const GenerationCalls& calls)
      : decoder_(decoder),
        prompts_(prompts),
        config_(config),
        calls_(calls),
        cache_(decoder.make_cache(std::min(config.batch, static_cast<std::int64_t>(prompts.size())),
                                  capacity())) {
    for (std::int64_t slot = cache_.num_slots(); slot > 0; --slot) free_.push_back(slot - 1);
  }

  GenerationStats run() {
    for (std::size_t next = 0; next < prompts_.size() || !texts_.empty();) {
      for (; next < prompts_.size() && !free_.empty(); ++next) begin(next);
      if (!texts_.empty()) step();
    }
    return stats_;
  }

 private:
  std::int64_t room(std::size_t prompt) const {
    return longest_text(decoder_, config_) - size_of(prompts_[prompt]);
  }

  std::int64_t capacity() const {
    std::int64_t most = 0;
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      most = std::max(most, size_of(prompts_[i]) + std::min(config_.max_tokens, room(i)));
    }
    return most;
  }

  // Reads a prompt, and takes the first token of its text.
  void begin(std::size_t prompt) {
    const double start = util::steady_seconds();
    const Ids& ids = prompts_[prompt];
    Text text{.prompt = prompt,
              .slot = free_.back(),
              .most = std::min(config_.max_tokens, room(prompt)),
              .sampler = Sampler(config_.sampling, ids, prompt)};
    if (text.most == 0) {
      text.result.reason = StopReason::kContext;
      calls_.done(prompt, std::move(text.result));
      return;
    }
    free_.pop_back();
    cache_.truncate(text.slot, 0);
    const ops::RowWay way = size_of(ids) < kLongPrompt ? ops::RowWay::kDots : ops::RowWay::kBlocks;
    at::Tensor last;
    for (std::int64_t first = 0; first < size_of(ids); first += kChunk) {
      const std::int64_t count = std::min(kChunk, size_of(ids) - first);
      const at::Tensor chunk = at::empty({1, count}, at::kLong);
      std::copy_n(ids.begin() + first, count, chunk.mutable_data_ptr<std::int64_t>());
      last = decoder_.extend(chunk.to(decoder_.device()), {text.slot}, cache_, way)
                 .select(1, count - 1);
    }
    const at::Tensor logits = decoder_.logits_of(last).to(at::kCPU);
    stats_.prompt_tokens += size_of(ids);
    stats_.prompt_seconds += util::steady_seconds() - start;
    if (take(text, logits.const_data_ptr<float>())) texts_.push_back(std::move(text));
  }

  // One more token of every text.
  void step() {
    const double start = util::steady_seconds();
    stats_.tokens += static_cast<std::int64_t>(texts_.size());
    const at::Tensor ids = at::empty({static_cast<std::int64_t>(texts_.size()), 1}, at::kLong);
    std::vector<std::int64_t> slots;
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      ids.mutable_data_ptr<std::int64_t>()[i] = texts_[i].result.ids.back();
      slots.push_back(texts_[i].slot);
    }
    const at::Tensor states = decoder_.extend(ids.to(decoder_.device()), slots, cache_);
    const at::Tensor logits = decoder_.logits_of(states.flatten(0, 1)).to(at::kCPU);
    const float* row = logits.const_data_ptr<float>();
    std::vector<Text> remaining;
    for (Text& text : texts_) {
      if (take(text, row)) remaining.push_back(std::move(text));
      row += logits.size(1);
    }
    texts_ = std::move(remaining);
    stats_.seconds += util::steady_seconds() - start;
  }

  // Adds the token that follows from `logits`; false where the text has ended with it.
  bool take(Text& text, const float* logits) {
    const auto size = static_cast<std::size_t>(decoder_.config().vocab_size);
    std::int32_t id = 0;
    try {
      id = text.sampler.next({logits, size});
    } catch (const util::Error& error) {
      util::fail(name_of(text.prompt, calls_), ", token ", text.result.ids.size() + 1, ": ",
                 error.what());
    }
    const bool is_end =
        std::find(config_.ends.begin(), config_.ends.end(), id) != config_.ends.end();
    if (is_end) return finish(text, StopReason::kEnd);
    text.result.ids.push_back(id);
    if (!calls_.token(text.prompt, id)) return finish(text, StopReason::kStop);
    if (size_of(text.result.ids) < text.most) return true;
    return finish(text,
                  text.most == config_.max_tokens ? StopReason::kLength : StopReason::kContext);
  }

  bool finish(Text& text, StopReason reason) {
    text.result.reason = reason;
    free_.push_back(text.slot);
    calls_.done(text.prompt, std::move(text.result));
    return false;
  }

  const model::Decoder& decoder_;
  std::span<const Ids> prompts_;
  const GenerationConfig& config_;
  const GenerationCalls& calls_;
  model::KeyValueCache cache_;
  std::vector<std::int64_t> free_;  // slots
  std::vector<Text> texts_;
  GenerationStats stats_;
};

}  // namespace

GenerationStats generate(const model::Decoder& decoder, std::span<const Ids> prompts,
                         const GenerationConfig& config, const GenerationCalls& calls) {
  util::require(config.max_tokens >= 1 && config.batch >= 1,
                "generate: max_tokens and batch must be >= 1, got ", config.max_tokens, " and ",
                config.batch);
  config.sampling.validate("");
  check_prompts(prompts, decoder, longest_text(decoder, config), calls);
  if (prompts.empty()) return {};
  return Generation(decoder, prompts, config, calls).run();
}

}  // namespace superpose::inference
